# A 32-bit program on a 64-bit x86 machine. Debian keeps asm/*.h in the 64-bit include folder.
set(CMAKE_C_FLAGS_INIT "-m32 -idirafter /usr/include/x86_64-linux-gnu")
