# What is installed: headers, libraries whose only global symbols are la_*, a pkg-config file for each, man pages.

# Ships the static library `target`: its objects become one, in which every symbol but la_* is local. The tests link the
# plain library, because they look inside. Of a part, only what the functions of its header need is shipped: the rest is
# the command's, and would ask a program for libraries that it does not need.
function(lastack_ship target)
  get_target_property(kind ${target} TYPE)
  if(NOT PROJECT_IS_TOP_LEVEL OR LASTACK_SANITIZE OR LASTACK_CROSS OR NOT kind STREQUAL "STATIC_LIBRARY")
    return()
  endif()
  set(archive ${PROJECT_BINARY_DIR}/shipped/lib${target}.a)
  set(object ${PROJECT_BINARY_DIR}/shipped/${target}.o)
  lastack_public_functions(${target} roots)
  if(NOT roots)
    set(roots --whole-archive)
  endif()
  add_custom_command(
    OUTPUT ${archive}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/shipped
    COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
    COMMAND ${CMAKE_LINKER} -r -o ${object} ${roots} $<TARGET_FILE:${target}>
    COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=la_* ${object}
    COMMAND ${CMAKE_AR} rcs ${archive} ${object}
    DEPENDS ${target}
    COMMENT "Shipping ${target}: la_* alone is global"
    VERBATIM)
  add_custom_target(${target}_shipped ALL DEPENDS ${archive})
  install(FILES ${archive} DESTINATION ${CMAKE_INSTALL_LIBDIR})

  set(requires)
  set(libraries)
  if(NOT target STREQUAL "lastack")
    set(requires lastack)
  endif()
  lastack_shipped_parts(${target} libraries)
  set(PC_NAME ${target})
  file(RELATIVE_PATH PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" PC_UP ${PC_UP})
  set(PC_REQUIRES "${requires}")
  set(PC_LIBRARIES "${libraries}")
  configure_file(${PROJECT_SOURCE_DIR}/cmake/lastack.pc.in ${PROJECT_BINARY_DIR}/shipped/${target}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/shipped/${target}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# "-u la_x -u la_y …": the functions that a part's header declares; nothing for the core, which has many headers.
function(lastack_public_functions target result)
  string(REGEX REPLACE "^lastack_" "" part ${target})
  set(header ${PROJECT_SOURCE_DIR}/include/lastack/${part}.h)
  set(roots)
  if(EXISTS ${header})
    file(STRINGS ${header} declarations REGEX "^[a-z][^/(]*[ *]la_[a-z0-9_]+\\(")
    foreach(declaration IN LISTS declarations)
      string(REGEX MATCH "la_[a-z0-9_]+\\(" name "${declaration}")
      string(REPLACE "(" "" name "${name}")
      list(APPEND roots -u ${name})
    endforeach()
  endif()
  set(${result} "${roots}" PARENT_SCOPE)
endfunction()

# " -llastack_dev …": the other parts that a program needs with `target`. None needs a foreign library; check-install.sh
# shows it.
function(lastack_shipped_parts target result)
  get_target_property(linked ${target} LINK_LIBRARIES)
  set(flags "")
  foreach(item IN LISTS linked)
    string(REGEX REPLACE "^lastack_" "" part "${item}")
    if(item MATCHES "^lastack_" AND NOT item STREQUAL target AND EXISTS ${PROJECT_SOURCE_DIR}/include/lastack/${part}.h)
      string(APPEND flags " -l${item}")
    endif()
  endforeach()
  set(${result} "${flags}" PARENT_SCOPE)
endfunction()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lastack DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.def")

foreach(section IN ITEMS 1 3 5 7)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/doc/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()
