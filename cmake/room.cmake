# spillway_room(NAME LINK libraries… [COLD sources…]): the library of one room, from all sources below its folder.
# Rooms include each other as "room/header.h". COLD names sources, as patterns, that run once for a query or a command
# and never for each record: they are compiled with less optimization, which takes a third less time.
function(spillway_room name)
  cmake_parse_arguments(ROOM "" "" "LINK;COLD" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  if(NOT sources)
    message(FATAL_ERROR "room ${name} has no sources")
  endif()
  add_library(spillway_${name} STATIC ${sources})
  if(ROOM_COLD)
    list(TRANSFORM ROOM_COLD PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
    file(GLOB_RECURSE cold CONFIGURE_DEPENDS ${ROOM_COLD})
    # With less optimization g++ 12 also sees less of what is initialized.
    set_property(SOURCE ${cold} APPEND PROPERTY COMPILE_OPTIONS
      "$<$<CONFIG:RelWithDebInfo>:-O1;-Wno-maybe-uninitialized>")
  endif()
  target_include_directories(spillway_${name} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(spillway_${name} PUBLIC ${ROOM_LINK})
endfunction()

# spillway_test(NAME LINK libraries… [LABELS …]): the GoogleTest program of one room, from all *_test.cc
# below the current folder, its tests registered one by one with CTest.
function(spillway_test name)
  cmake_parse_arguments(TEST "" "" "LINK;LABELS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${TEST_LINK} GTest::gtest_main)
  # What tests themselves do takes no time, but compiling it does.
  target_compile_options(${name} PRIVATE -O0)
  target_compile_definitions(${name} PRIVATE SPILLWAY_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             SPILLWAY_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set(labels)
  if(TEST_LABELS)
    set(labels LABELS "${TEST_LABELS}")
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300 ${labels})
endfunction()
