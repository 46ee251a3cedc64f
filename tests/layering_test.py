"""Plants each kind of fault in a small tree and expects layering.py to find it, and to find nothing else."""

import os
import tempfile
import unittest

import layering


class LayeringTest(unittest.TestCase):
    def findings(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return layering.check_tree(root)

    def expect_one(self, files, *parts):
        found = self.findings(files)
        self.assertEqual(len(found), 1, found)
        for part in parts:
            self.assertIn(part, found[0])

    def test_a_tree_in_order(self):
        self.assertEqual([], self.findings({
            "engine/model/llama.cc": '#include "engine/model/llama.h"\n#include "engine/layers/linear.h"\n#include <span>\n',
            "engine/engine.cc": '#include "config/engine_config.h"\n#include "engine/scheduler/scheduler.h"\n',
            "engine/layers/linear.cc": "#include <oneapi/dnnl/dnnl.hpp>\n",
            "server/http/http_server.cc": '#include <httplib.h>\n#include "server/host/log.h"\n',
            "tests/server/http_test.cc": '#include <doctest/doctest.h>\n#include <httplib.h>\n#include "api/json/error.h"\n',
            "tests/api/data/long.py": "x = 1\n" * 900,
            "engine/text/char_class.inc": "1,\n" * 900,
            "README.md": "#include \"nothing\"\n" * 900,
        }))

    def test_an_include_upwards(self):
        self.expect_one({"engine/kernels/rope.cc": '#include <cmath>\n#include "engine/model/model.h"\n'},
                        "engine/kernels/rope.cc:2:", "engine/model/", "engine/base")

    def test_an_include_sideways(self):
        self.expect_one({"api/endpoints/chat_request.cc": '#include "engine/request/request.h"\n'}, "api/", "engine/request/")

    def test_the_scheduler_never_sees_tensors(self):
        self.expect_one({"engine/scheduler/scheduler.h": ' # include "engine/model/model.h"\n'}, "engine/model/")

    def test_a_floor_below_never_sees_the_engine(self):
        self.expect_one({"engine/sampling/sampler.cc": '#include "engine/engine.h"\n'}, "engine/sampling/")

    def test_a_fenced_header(self):
        self.expect_one({"engine/model/llama.cc": "#include <oneapi/dnnl/dnnl.hpp>\n"}, "engine/layers")
        self.expect_one({"api/json/error.h": '#include "httplib.h"\n'}, "httplib.h", "server")
        self.expect_one({"engine/scheduler/scheduler.cc": "#include <nlohmann/json.hpp>\n"}, "nlohmann/json.hpp")
        self.expect_one({"engine/base/check.h": "#include <doctest/doctest.h>\n"}, "tests")

    def test_a_single_header_opens_no_room(self):
        self.assertEqual([], self.findings({"server/model/kv_budget.cc": '#include "engine/kv_cache/block_id.h"\n'}))
        self.expect_one({"server/model/kv_budget.cc": '#include "engine/kv_cache/block_pool.h"\n'}, "engine/kv_cache/")

    def test_an_include_without_its_path(self):
        self.expect_one({"config/load.cc": '#include "options.h"\n'}, "path from the root")

    def test_a_header_in_no_room(self):
        self.expect_one({"server/main.cc": '#include "engine/utils/strings.h"\n'}, "in no room")

    def test_a_source_in_no_room(self):
        self.expect_one({"engine/utils/strings.cc": "\n"}, "engine/utils/ is no room")

    def test_a_header_inside_its_room(self):
        self.expect_one({"engine/engine_core.cc": '#include "engine/sampling/philox.h"\n'}, "philox.h", "sampler.h")
        self.assertEqual([], self.findings({"engine/engine_core.cc": '#include "engine/sampling/sampler.h"\n'}))

    def test_a_header_that_only_hands_on_another(self):
        self.expect_one({"engine/model/machine.h": '#pragma once\n#include "engine/layers/peaks.h"  // Meter\n'},
                        "engine/model/machine.h:1:", "hands on")

    def within(self, namespace, text):
        return f"namespace {namespace} {{\n{text}\n}}  // namespace {namespace}\n"

    def test_a_function_defined_twice(self):
        one = self.within("puna::engine", "inline float Widen(uint16_t half) {\n  return half;\n}")
        two = self.within("puna::engine", "inline float Widen(const uint16_t\n                       h) {\n  return h;\n}")
        other = self.within("puna::engine", "inline float Widen(uint32_t bits) {\n  return bits;\n}")
        self.expect_one({"engine/base/a.h": one, "engine/kernels/b.h": two}, "engine/kernels/b.h:2:", "engine/base/a.h:2")
        self.assertEqual([], self.findings({"engine/base/a.h": one, "engine/kernels/b.h": other}))
        hidden = self.within("puna::engine", self.within("", two).replace("namespace  {", "namespace {"))
        self.assertEqual([], self.findings({"engine/base/a.h": one, "engine/kernels/b.cc": hidden}))

    def test_a_function_of_each_processor(self):
        one = self.within("puna::engine", "bool HasDots() {\n  return true;\n}")
        self.assertEqual([], self.findings({"engine/base/cpu_x86.cc": one, "engine/base/cpu_arm64.cc": one}))
        self.expect_one({"engine/base/cpu_x86.cc": one, "engine/base/isa_arm64.cc": one}, "puna::engine::HasDots")

    def test_a_type_defined_twice(self):
        one = self.within("puna::engine", "struct Shape {\n  int rows;\n};")
        announced = self.within("puna::engine", "struct Shape;\nint Area(const Shape& shape);")
        self.expect_one({"engine/base/a.h": one, "engine/kernels/b.cc": one}, "puna::engine::Shape")
        self.assertEqual([], self.findings({"engine/base/a.h": one, "engine/kernels/b.h": announced}))

    def test_a_function_away_from_its_home(self):
        self.expect_one({"engine/checkpoint/gguf/gguf_blocks.cc": self.within(
            "puna::engine", "namespace {\n\nfloat HalfToFloat(uint16_t bits) {\n  return bits;\n}\n\n}  // namespace")},
                        "gguf_blocks.cc:4:", "engine/base/float16.h")
        self.expect_one({"server/bench/report.cc": self.within(
            "puna::server", "double Percentile(std::vector<double> values, double share) {\n  return values[0] * share;\n}")},
                        "report.cc:2:", "engine/base/percentile.h")

    def test_the_page_that_names_all_rooms(self):
        rows = [f"| `{room}/` | its job |\n" for room in layering.ALLOWED]
        self.assertEqual([], self.findings({"ARCHITECTURE.md": "".join(rows)}))
        self.expect_one({"ARCHITECTURE.md": "".join(rows[1:])}, "ARCHITECTURE.md", f"{next(iter(layering.ALLOWED))}/", "0 rows")
        self.expect_one({"ARCHITECTURE.md": "".join([*rows, "| `engine/attic/` | old things |\n"])}, "engine/attic/ is no room")

    def test_an_instruction_set_that_nobody_chose(self):
        self.expect_one({"engine/sampling/sampler.cc": self.within("puna::engine", "Sampler::Sampler() : isa_(DetectIsa()) {}")},
                        "sampler.cc:", "DetectIsa", "--isa")

    def test_a_name_that_comes_by_another_rooms_header(self):
        meter = self.within("puna::engine", "class Meter {};\n\nint Count(const Meter& meter);")
        model = '#include "engine/layers/meter.h"\n' + self.within("puna::engine", "Meter MakeMeter();")
        use = '#include "engine/model/model.h"\n' + self.within("puna::server", "auto meter = engine::{};")
        tree = {"engine/layers/meter.h": meter, "engine/model/model.h": model}
        for word in ("Meter()", "Count(meter)"):
            self.expect_one({**tree, "server/convert/pack.cc": use.replace("{}", word)},
                            "server/convert/pack.cc:3:", word.split("(")[0], "engine/layers/meter.h")
        self.assertEqual([], self.findings({**tree, "server/convert/pack.cc": use.replace("{}", "MakeMeter()")}))
        # A member, a local name and a comment are no uses of the type.
        inner = self.within("puna::engine", "struct Own {\n  enum class Meter { kOn };\n  Meter meter;\n};  // Meter")
        self.assertEqual([], self.findings({**tree, "engine/scheduler/own.h": inner}))

    def test_a_word_that_the_code_does_without(self):
        self.expect_one({"server/http/cors.cc": "// thread_local in words\nthread_local int depth = 0;\n"},
                        "server/http/cors.cc:2:", "is given")
        self.expect_one({"config/options.cc": "auto& c = const_cast<Config&>(config);\n"}, "const_cast")

    def test_a_file_that_is_named_and_not_there(self):
        self.assertEqual([], self.findings({"config/a.h": "// See load.cc and config/load.cc; not foo-bar.h.\n",
                                            "config/load.cc": ""}))
        self.expect_one({"config/a.h": "int x;  // see config/gone.h\n"}, "config/a.h:1:", "config/gone.h")
        self.expect_one({"config/README.md": "look at `gone.h`\n"}, "gone.h")

    def test_a_file_too_long(self):
        self.assertEqual([], self.findings({"server/http/ok.cc": "\n" * 400}))
        self.expect_one({"server/http/long.cc": "\n" * 401}, "server/http/long.cc:401:", "401 lines")
        self.expect_one({"tests/long.py": "\n" * 401}, "401 lines")

    def test_a_line_too_long(self):
        self.assertEqual([], self.findings({"server/http/ok.cc": "// " + "x" * 129 + "\n", "tests/server/ok_test.cc":
                                            'const char* text = R"(' + "x" * 200 + ')";\n'}))
        self.expect_one({"server/http/wide.h": "// ok\n// " + "x" * 130 + "\n"}, "server/http/wide.h:2:", "133 characters")
        self.expect_one({"tests/server/wide_test.cc": "  //" + "x" * 140 + "\n"}, "144 characters")

    def test_a_folder_that_does_not_belong(self):
        self.expect_one({"third_party/README.md": "\n"}, "third_party/")


if __name__ == "__main__":
    unittest.main()
