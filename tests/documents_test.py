"""Plants each kind of fault in a document and expects documents.py to find it, and to find nothing else; figures.py to write what
a command says and nothing beside it; and figure_tables.py to make tables of what programs print."""

import os
import tempfile
import unittest

import documents
import figure_tables
import figures

TABLE = "| kernel | rate |\n|---|--:|\n| one | 1.5 |\n"
HERE = "(commit c0ffee0, 2026-11-27, AMD EPYC, 2 cores)\n\n"
ALLOWED = {"gemm": 2, "model": 1}
WIDE = "word " * 40


class DocumentsTest(unittest.TestCase):
    def expect_one(self, text, line, part):
        found = list(documents.check_text(text, ALLOWED))
        self.assertEqual(len(found), 1, found)
        self.assertEqual(found[0][0], line)
        self.assertIn(part, found[0][1])

    def test_a_document_in_order(self):
        for text in (f"# A\n\n<!-- figures of gemm 2: puna bench -->\n{HERE}{TABLE}<!-- end -->\n",
                     f"<!-- figures by hand of gemm 2, model 1: a; b -->\n{HERE}{TABLE}<!-- end -->\n",
                     f"<!-- figures of model 1:\nfirst\nsecond\n-->\n{HERE}{TABLE}\nmore:\n\n{TABLE}<!-- end -->\n",
                     "| one row | of three |\n|---|---|\n| a | 2.0 |\n| b | c |\n| d | e |\n",  # one cell is no column of figures
                     "| step | where |\n|--:|---|\n| 1 | here, 1.5 wide |\n",  # a number that is no figure
                     "| offset | what |\n|--:|---|\n| 64 | ids |\n",
                     "```sh\n" + WIDE + "\n```\n", "| " + WIDE + "|\n", "see <" + "x" * 140 + ">\n"):
            self.assertEqual([], list(documents.check_text(text, ALLOWED)), text)

    def test_figures_without_a_command(self):
        self.expect_one("text\n\n" + TABLE, 3, "without a command")
        self.expect_one(f"<!-- figures of gemm 2: x -->\n{HERE}{TABLE}<!-- end -->\n\n{TABLE}", 9, "without a command")
        self.expect_one("| a | b |\n|---|--:|\n| 4 | 71 of 84 |\n", 1, "without a command")
        # Not aligned to the right.
        self.expect_one("| a | b |\n|---|---|\n| x | 1.06 |\n| y | none |\n| z | 2 % |\n", 1, "without a command")
        self.expect_one(f"<!-- figures of gemm 2: -->\n{HERE}{TABLE}<!-- end -->\n", 1, "figures without a command")

    def test_markers_that_do_not_match(self):
        self.expect_one(f"<!-- figures of gemm 2: x -->\n{HERE}{TABLE}", 1, "no <!-- end -->")
        self.expect_one("text\n\n<!-- end -->\n", 3, "have not begun")

    def test_figures_of_nowhere(self):
        for where in ("", "(here and today)\n\n", "commit c0ffee0, 2026-11-27, AMD EPYC, 2 cores\n\n"):
            text = f"<!-- figures of gemm 2: x -->\n{where}{TABLE}<!-- end -->\n"
            self.expect_one(text, 2 + where.count("\n"), "where they were")

    def test_figures_that_are_older_than_their_code(self):
        self.expect_one(f"<!-- figures of gemm 1: x -->\n{HERE}{TABLE}<!-- end -->\n", 1, "gemm are 1, and the code has 2")
        self.expect_one(f"<!-- figures of gemm 3: x -->\n{HERE}{TABLE}<!-- end -->\n", 1, "are 3, and the code has 2")
        self.expect_one(f"<!-- figures by hand of model 1, gemm 1: x -->\n{HERE}{TABLE}<!-- end -->\n", 1, "gemm are 1")
        self.expect_one(f"<!-- figures of gem 2: x -->\n{HERE}{TABLE}<!-- end -->\n", 1, "no code says 'Figures of gem: N'")
        for begin in ("figures", "figures by hand", "figures of gemm", "figures of gemm 2 model 1", "figures of gemm two"):
            self.expect_one(f"<!-- {begin}: x -->\n{HERE}{TABLE}<!-- end -->\n", 1, "do not say what they measure")

    def test_code_says_once_which_figures_describe_it(self):
        page = ("a.md", f"<!-- figures of gemm 2: x -->\n{HERE}{TABLE}<!-- end -->\n")
        gemm = ("a/gemm.h", "// Products.\n// Figures of gemm: 2; raised at times\n#pragma once\n")
        self.assertEqual([], documents.check_all([page], [gemm]))
        self.assertEqual(["b/gemm.py:1: 'Figures of gemm' stand at a/gemm.h:2, too; one place says it"],
                         documents.check_all([page], [gemm, ("b/gemm.py", "# Figures of gemm: 2\n")]))
        self.assertEqual(["a/pace.h:1: no document has figures of pace"],
                         documents.check_all([page], [gemm, ("a/pace.h", "// Figures of pace: 1\n")]))
        found = documents.check_all([page], [("a/gemm.h", gemm[1].replace("2", "3"))])
        self.assertEqual(1, len(found), found)
        self.assertIn("a.md:1: these figures of gemm are 2, and the code has 3", found[0])

    def test_programs_keep_to_the_width(self):
        long = "a = [" + "1, " * 50 + "]"
        for path in ("tests/a.py", "server/page/src/a.jsx", "a.mjs", "a.js", "a.css", "engine/demo/train.py"):
            self.assertEqual([(2, f"{len(long)} characters; at most 132")], list(documents.check_width(path, f"b\n{long}\n")), path)
            self.assertEqual([], list(documents.check_width(path, "x" * 132 + "\n// https://" + "x" * 140)))
        for path in ("a.cc", "a.md", "engine/demo/words.py", "engine/demo/family_talk.py"):
            self.assertEqual([], list(documents.check_width(path, long)), path)

    def test_a_tree_without_git(self):
        with tempfile.TemporaryDirectory() as root:
            for name, text in (("a.md", TABLE), ("build/b.md", TABLE), ("code/gemm.h", "// Figures of gemm: 1\n")):
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write(text)
            self.assertEqual(["a.md"], documents.list_documents(root))
            self.assertEqual([("code/gemm.h", "// Figures of gemm: 1\n")], documents.code_of(root))

    def test_prose_that_is_too_wide(self):
        self.expect_one("one\n" + WIDE.strip() + "\n", 2, "199 characters")
        self.expect_one("- one\n- " + WIDE.strip() + "\n", 2, "201 characters")

    def test_a_paragraph_is_broken_again_and_nothing_else(self):
        text = f"# A\n\n- {WIDE.strip()}\n  end\n- two\n\n```\n{WIDE}\n```\n"
        wrapped = documents.wrap_text(text)
        self.assertEqual([], list(documents.check_text(wrapped, ALLOWED)))
        self.assertEqual(wrapped.split(), text.split())
        self.assertTrue(wrapped.startswith("# A\n\n- word"))
        self.assertTrue(wrapped.endswith(f"- two\n\n```\n{WIDE}\n```\n"))
        self.assertEqual(documents.wrap_text("short\nlines\n"), "short\nlines\n")


class FiguresTest(unittest.TestCase):
    def rewrite(self, text, words=(), output="| a |\n|--:|\n| 2.5 |\n"):
        self.ran = []

        def run(command):
            self.ran.append(command)
            return output

        return figures.rewrite(text, words, run, "commit c0ffee0, 2026-11-27, AMD EPYC", ALLOWED)

    def test_a_table_is_what_its_command_printed(self):
        text = f"before\n<!-- figures of model 1, gemm 1: puna bench x -->\nold\n{TABLE}<!-- end -->\nbehind\n"
        self.assertEqual(self.rewrite(text), (
            "before\n<!-- figures of model 1, gemm 2: puna bench x -->\n(commit c0ffee0, 2026-11-27, AMD EPYC)\n\n"
            "| a |\n|--:|\n| 2.5 |\n<!-- end -->\nbehind\n", []))
        self.assertEqual(self.ran, ["puna bench x"])
        self.assertEqual([], list(documents.check_text(self.rewrite(text)[0], ALLOWED)))

    def test_a_line_above_a_table_is_a_paragraph_of_its_own(self):
        fresh, _ = self.rewrite("<!-- figures: x -->\n<!-- end -->\n", output="as it is:\n" + TABLE)
        self.assertIn("as it is:\n\n| kernel", fresh)
        self.assertIn("|---|--:|\n| one", fresh)

    def test_what_is_no_table_is_shown_as_it_is(self):
        fresh, _ = self.rewrite("<!-- figures: x -->\n<!-- end -->\n", output="rate 1.5\n")
        self.assertEqual(fresh, "<!-- figures: x -->\n(commit c0ffee0, 2026-11-27, AMD EPYC)\n\n```\nrate 1.5\n```\n<!-- end -->\n")

    def test_a_command_that_fails_leaves_its_table(self):
        text = f"<!-- figures: x -->\n{TABLE}<!-- end -->\n"
        self.assertEqual(self.rewrite(text, output=None), (text, ["x"]))

    def test_words_choose_and_hands_are_left_alone(self):
        text = f"<!-- figures: x -->\n<!-- end -->\n<!-- figures by hand: y -->\n{TABLE}<!-- end -->\n"
        self.assertEqual(self.rewrite(text, words=["z"]), (text, []))
        self.assertNotEqual(self.rewrite(text.replace("figures: x", "figures of gemm 2: x"), words=["gemm"])[0], text)
        self.rewrite(text)
        self.assertEqual(self.ran, ["x"])


class FigureTablesTest(unittest.TestCase):
    def test_weights(self):
        bench = {"weights": "w4a8", "prefill_tokens_per_s": 130.4, "prefill_share_of_peak": 0.8141, "load_seconds": 28.7,
                 "decode": [{"tokens_per_s": 16.84, "share_of_bandwidth": 0.911},
                            {"tokens_per_s": 84.2, "share_of_bandwidth": 0.5}],
                 "weights_bytes": 1986422374, "resident_bytes": 2297807503}
        self.assertEqual(figure_tables.weights_table([bench]).splitlines()[2],
                         "| w4a8 | 130 tokens/s, 0.81 | 16.8 tokens/s, 0.91 | 84 tokens/s | 1.85 GiB | 2.14 GiB | 29 s |")

    def test_kernels(self):
        rate = {"ceiling_ops_per_clock": 40.0, "memory_bytes_per_s": 19.2e9}
        kernels = [{"weights": form, "rows": rows, "cached_ops_per_clock": 10.0 + rows, **rate} for form in ("bf16", "w4a8")
                   for rows in (1, 8, 20)]
        printed = figure_tables.kernels_table({"isa": "avx2", "clock_hz": 3.234e9, "read_bytes_per_s": 21e9, "kernels": kernels})
        self.assertEqual(printed.splitlines()[0], "avx2, one thread, 3.23 GHz, a plain read 21.0 GB/s:")
        self.assertEqual(printed.splitlines()[1], "| weights | 1 row | 8 rows | 20 rows, of the ceiling | 1 from memory, GB/s |")
        self.assertEqual(printed.splitlines()[4], "| w4a8 | 11.0 | 18.0 | 30.0, 0.75 | 19.2 |")
        self.assertTrue(documents.is_figures(printed.splitlines()[1:]))

    def test_schemas(self):
        said = ("x.cc:101: MESSAGE: draft7: 111 of 124 schemas enforced whole; of 157 instances that they rule out 0 can be "
                "written, of 210 others 199 (properties in the schema's order); not whole in: a\n")
        self.assertEqual(figure_tables.schemas_table(said).splitlines()[2], "| 7 | 111 of 124 | 0 of 157 | 199 of 210 |")
        with self.assertRaises(SystemExit):
            figure_tables.schemas_table("skipped\n")


if __name__ == "__main__":
    unittest.main()
