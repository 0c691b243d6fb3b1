# A small machine without an operating system or a C library: only the compiler's own headers exist.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT "-mcpu=cortex-m4 -mthumb -ffreestanding -nostdinc")

# -nostdinc took the compiler's own headers away with the C library's; these come back.
foreach(folder IN ITEMS include include-fixed)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=${folder}
    OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(APPEND CMAKE_C_FLAGS_INIT " -isystem ${path}")
endforeach()
