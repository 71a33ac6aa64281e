add_compile_options(-Wall -Wextra -Werror -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                    -fno-omit-frame-pointer -fdiagnostics-color=auto)
if(SPILLWAY_SANITIZE)
  # Instrumented code has g++ 12 see uninitialized members of std::optional where there are none.
  add_compile_options(-fsanitize=${SPILLWAY_SANITIZE} -fno-sanitize-recover=all -Wno-maybe-uninitialized)
  add_link_options(-fsanitize=${SPILLWAY_SANITIZE})
endif()
if(SPILLWAY_FAIL_POINTS)
  add_compile_definitions(SPILLWAY_FAIL_POINTS=1)
endif()
