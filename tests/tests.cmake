# puna_add_tests(folder name [library...]): test_<name> from tests/<folder>/*_test.cc, registered with CTest under the label
# unit. The libraries are what the tests use beside the room.
add_library(puna_test_main STATIC tests/support/doctest_main.cc)
target_link_libraries(puna_test_main PUBLIC doctest::doctest nlohmann_json::nlohmann_json)
add_library(puna_test_allocations STATIC tests/support/failing_allocations.cc)  # replaces operator new where it is used
target_include_directories(puna_test_allocations PUBLIC ${CMAKE_SOURCE_DIR})
add_custom_target(unit_tests)
add_custom_target(thread_tests)
# Where threads meet: what ThreadSanitizer looks at. Of engine/ itself, the tests of the thread and what it publishes.
set(threaded_rooms engine_base engine_request engine_kv_disk engine_layers server_host server_store server_http server_model server_generate server_endpoints
  server_operate server_bench)

function(puna_add_tests folder name)
  file(GLOB sources CONFIGURE_DEPENDS tests/${folder}/*_test.cc)
  list(FILTER sources EXCLUDE REGEX "${PUNA_FOREIGN_FILES}")
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_compile_definitions(test_${name} PRIVATE PUNA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(test_${name} PRIVATE puna_${name} ${ARGN} puna_test_main)
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  if(NOT name MATCHES "kernels|layers|model|quantize")  # whose references compute
    target_compile_options(test_${name} PRIVATE -O1)
  endif()
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 3600)
  add_dependencies(unit_tests test_${name})
  if(name IN_LIST threaded_rooms)
    set_tests_properties(${name} PROPERTIES LABELS "unit;threads")
    add_dependencies(thread_tests test_${name})
  elseif(name STREQUAL engine AND PUNA_SANITIZE STREQUAL thread)
    add_test(NAME engine_threads COMMAND test_engine --source-file=*/engine_test.cc,*/published_test.cc)
    set_tests_properties(engine_threads PROPERTIES LABELS threads TIMEOUT 3600)
    add_dependencies(thread_tests test_engine)
  endif()
endfunction()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME layering COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/layering.py ${CMAKE_SOURCE_DIR})
add_test(NAME layering_test COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/layering_test.py)
add_test(NAME documents COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/documents.py ${CMAKE_SOURCE_DIR})
add_test(NAME documents_test COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/documents_test.py)
add_test(NAME object_code_test COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/object_code_test.py)

# puna_watch_object_code(library pattern): stack traffic in the inner loops of a library's objects is a failure. Only where the
# compiler does what users get.
function(puna_watch_object_code library pattern)
  if(CMAKE_BUILD_TYPE STREQUAL Release AND NOT PUNA_SANITIZE AND CMAKE_OBJDUMP)
    add_test(NAME object_code_${library} COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/object_code.py
      --objdump ${CMAKE_OBJDUMP} $<FILTER:$<TARGET_OBJECTS:${library}>,INCLUDE,${pattern}> COMMAND_EXPAND_LISTS)
  endif()
endfunction()

# The real binary from outside, one test for each tests/integration/test_*.py.
file(GLOB scripts CONFIGURE_DEPENDS tests/integration/test_*.py)
foreach(script IN LISTS scripts)
  get_filename_component(name ${script} NAME_WE)
  string(REGEX REPLACE "^test_" "integration_" test ${name})
  add_test(NAME ${test} COMMAND Python3::Interpreter -B -m unittest -v ${name}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/integration)
  list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " runner)
  set_tests_properties(${test} PROPERTIES LABELS integration TIMEOUT 3600
    ENVIRONMENT "PUNA_BINARY=$<TARGET_FILE:puna>;PUNA_RUNNER=${runner};PUNA_CLIENTS_DIR=${CMAKE_BINARY_DIR}/clients;PUNA_PAGE_TESTS_DIR=${CMAKE_BINARY_DIR}/page_tests")
endforeach()
# They say so, rather than passing, where there is no Node, no browser, or nothing to install their packages from.
set_tests_properties(integration_clients integration_page PROPERTIES SKIP_REGULAR_EXPRESSION "skipped: ")
