# Target puna_engine_demo: the files of engine/demo/model and of engine/demo/draft inside the binary. The assembler copies them in
# (.incbin), which costs the compiler nothing.
set(demo_source ${CMAKE_BINARY_DIR}/engine/demo/demo_model.cc)
set(demo_symbols "")
set(demo_paths "")
set(demo_number 0)

# What the files of one folder are called in the source, as entries of a map: in demo_entries_NAME.
macro(demo_embed name script)
  set(demo_entries_${name} "")
  foreach(file IN ITEMS ${ARGN})
    set(path ${CMAKE_CURRENT_LIST_DIR}/${name}/${file})
    if(NOT EXISTS ${path})
      message(FATAL_ERROR "${path} is missing; engine/demo/${script} makes it")
    endif()
    list(APPEND demo_paths ${path})
    # Aligned, because safetensors are read in place.
    string(APPEND demo_symbols "asm(\".section .rodata\\n.balign 64\\n\"
    \"puna_demo_${demo_number}_begin:\\n.incbin \\\"${path}\\\"\\n\"
    \"puna_demo_${demo_number}_end:\\n.byte 0\\n.previous\\n\");
extern const std::byte begin_${demo_number}[] asm(\"puna_demo_${demo_number}_begin\");
extern const std::byte end_${demo_number}[] asm(\"puna_demo_${demo_number}_end\");
")
    string(APPEND demo_entries_${name} "      {\"${file}\", {begin_${demo_number}, end_${demo_number}}},\n")
    math(EXPR demo_number "${demo_number} + 1")
  endforeach()
endmacro()

demo_embed(model train.py config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json)
demo_embed(draft train_draft.py config.json model.safetensors)
file(CONFIGURE OUTPUT ${demo_source} CONTENT "// Made by engine/demo/embed.cmake.
#include \"engine/demo/demo_model.h\"

@demo_symbols@
namespace puna::engine {

std::map<std::string, std::span<const std::byte>> DemoModelFiles() {
  return {
@demo_entries_model@  };
}

std::map<std::string, std::span<const std::byte>> DemoDraftFiles() {
  return {
@demo_entries_draft@  };
}

}  // namespace puna::engine
" @ONLY)

add_library(puna_engine_demo STATIC ${demo_source})
set_source_files_properties(${demo_source} PROPERTIES OBJECT_DEPENDS "${demo_paths}")
target_include_directories(puna_engine_demo PUBLIC ${CMAKE_SOURCE_DIR})
