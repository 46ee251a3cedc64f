# fuzz_<name> from tests/fuzz/<name>_fuzz.cc: libFuzzer over the parsers of foreign bytes (clang; the preset asan).
# run.py runs them.
function(puna_fuzz room)
  foreach(name IN LISTS ARGN)
    add_executable(fuzz_${name} tests/fuzz/${name}_fuzz.cc)
    target_link_libraries(fuzz_${name} PRIVATE puna_${room})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    if(NOT name IN_LIST by_name)
      add_dependencies(fuzz_targets fuzz_${name})
    endif()
  endforeach()
endfunction()

set(by_name content_coding http_request model_folder)  # as run.py's BY_NAME: cmake --build --preset fuzz --target fuzz_model_folder

add_custom_target(fuzz_targets)
puna_fuzz(api_endpoints chat_request)
puna_fuzz(api_tool_calls tool_call)
puna_fuzz(api_template chat_template)
puna_fuzz(engine_checkpoint gguf model_config pth safetensors)
puna_fuzz(engine_model model_folder)
puna_fuzz(engine_tokenizer tokenizer_json tokenizer_model)
puna_fuzz(engine_grammar grammar)
puna_fuzz(server_http content_coding http_request)
puna_fuzz(server_model message_values)
target_link_libraries(fuzz_message_values PRIVATE puna_api_endpoints)  # which reads the bodies whose messages it lays out
