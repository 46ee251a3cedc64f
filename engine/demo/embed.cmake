# Target puna_engine_demo: the files of engine/demo/model inside the binary. The assembler copies them in (.incbin), which
# costs the compiler nothing.
set(demo_folder ${CMAKE_CURRENT_LIST_DIR}/model)
set(demo_files config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json)
set(demo_source ${CMAKE_BINARY_DIR}/engine/demo/demo_model.cc)

set(demo_symbols "")
set(demo_entries "")
set(demo_paths "")
set(demo_number 0)
foreach(name IN LISTS demo_files)
  if(NOT EXISTS ${demo_folder}/${name})
    message(FATAL_ERROR "${demo_folder}/${name} is missing; engine/demo/train.py makes it")
  endif()
  list(APPEND demo_paths ${demo_folder}/${name})
  # Aligned, because safetensors are read in place.
  string(APPEND demo_symbols "asm(\".section .rodata\\n.balign 64\\n\"
    \"puna_demo_${demo_number}_begin:\\n.incbin \\\"${demo_folder}/${name}\\\"\\n\"
    \"puna_demo_${demo_number}_end:\\n.byte 0\\n.previous\\n\");
extern const std::byte begin_${demo_number}[] asm(\"puna_demo_${demo_number}_begin\");
extern const std::byte end_${demo_number}[] asm(\"puna_demo_${demo_number}_end\");
")
  string(APPEND demo_entries "      {\"${name}\", {begin_${demo_number}, end_${demo_number}}},\n")
  math(EXPR demo_number "${demo_number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${demo_source} CONTENT "// Made by engine/demo/embed.cmake.
#include \"engine/demo/demo_model.h\"

@demo_symbols@
namespace puna::engine {

std::map<std::string, std::span<const std::byte>> DemoModelFiles() {
  return {
@demo_entries@  };
}

}  // namespace puna::engine
" @ONLY)

add_library(puna_engine_demo STATIC ${demo_source})
set_source_files_properties(${demo_source} PROPERTIES OBJECT_DEPENDS "${demo_paths}")
target_include_directories(puna_engine_demo PUBLIC ${CMAKE_SOURCE_DIR})
