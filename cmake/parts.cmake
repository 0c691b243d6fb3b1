# How every part is compiled, and how it finds the foreign libraries that its sources include.

function(lastack_settings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes $<$<BOOL:${LASTACK_WERROR}>:-Werror>)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  if(LASTACK_SANITIZE)
    set(flags -fsanitize=${LASTACK_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(${target} PRIVATE ${flags})
    target_link_options(${target} PRIVATE ${flags})
    if(LASTACK_FUZZER)
      target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
  endif()
endfunction()

# A static library of the given sources. While there are none yet it is only a name.
function(lastack_part target)
  if(ARGN)
    add_library(${target} STATIC ${ARGN})
    lastack_settings(${target})
    target_compile_options(${target} PRIVATE -ffunction-sections -fdata-sections)
    lastack_link_used(${target} ${ARGN})
  else()
    add_library(${target} INTERFACE)
  endif()
endfunction()

# Each line: what an #include of it begins with, the library, the Debian package, where it keeps its headers (if not at the
# usual place).
set(LASTACK_LIBRARIES
  "libmnl/|mnl|libmnl-dev|"
  "jansson|jansson|libjansson-dev|"
  "pcap|pcap|libpcap-dev|"
  "elfutils/|dw|libdw-dev|"
  "ncurses|ncursesw|libncurses-dev|"
  "lwip/|lwip|liblwip-dev|/usr/include/lwip"
  "pthread|pthread|libc6-dev|"
  "math|m|libc6-dev|")

# Links `target` with the foreign libraries that its sources include, and with no others.
function(lastack_link_used target)
  foreach(entry IN LISTS LASTACK_LIBRARIES)
    string(REPLACE "|" ";" entry "${entry}")
    list(GET entry 0 header)
    list(GET entry 1 library)
    list(GET entry 2 package)
    list(GET entry 3 headers)
    lastack_sources_including("${header}" users ${ARGN})
    if(users AND LASTACK_CROSS) # What needs a foreign library is not here: it is one of the C library's.
      target_link_libraries(${target} PRIVATE ${library})
    elseif(users)
      find_library(LASTACK_LIB_${library} ${library})
      if(NOT LASTACK_LIB_${library})
        message(FATAL_ERROR "${users} needs lib${library}: apt-get install ${package}")
      endif()
      if(headers)
        target_include_directories(${target} SYSTEM PRIVATE ${headers})
      endif()
      target_link_libraries(${target} PRIVATE ${LASTACK_LIB_${library}})
    endif()
  endforeach()
endfunction()

# Those of the given sources with an #include of HEADER….
function(lastack_sources_including header result)
  set(found)
  foreach(source IN LISTS ARGN)
    file(STRINGS ${source} lines REGEX "^#include [<\"]${header}" LIMIT_COUNT 1)
    if(lines)
      list(APPEND found ${source})
    endif()
  endforeach()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

# Takes out of a list of sources those that need a foreign library, or the system that only the host is: by what they
# include. More beginnings of includes may be named.
function(lastack_without_foreign list)
  set(headers ${ARGN})
  foreach(entry IN LISTS LASTACK_LIBRARIES)
    if(NOT entry MATCHES "libc6-dev")
      string(REGEX REPLACE "[|].*" "" header "${entry}")
      list(APPEND headers "${header}")
    endif()
  endforeach()
  foreach(header IN LISTS headers)
    lastack_sources_including("${header}" users ${${list}})
    list(REMOVE_ITEM ${list} ${users})
  endforeach()
  list(FILTER ${list} EXCLUDE REGEX "/(test_inspect_)?linux[^/]*\\.c$")
  set(${list} "${${list}}" PARENT_SCOPE)
endfunction()
