"""Schemas as users of other servers reported them (cases.py): the answer keeps to them, or is refused by the right name."""

import json
import unittest

from cases import CHAT, HERE, Case, case, covers, generated, joined, message
from puna import SharedServer


@HERE
class Schemas(SharedServer, Case):
    @covers("03")
    def test_a_pattern_beyond_us_costs_itself_alone(self):
        for seed in range(4):
            for arguments in self.calls_of(self.post_case("03", seed=seed, max_tokens=300)):
                self.assertEqual(set(arguments), {"to", "priority", "body"})
                self.assertIn(arguments["priority"], ("low", "high"))
                self.assertLessEqual(len(arguments["body"]), 40)

    @covers("05")
    def test_long_bounds(self):
        reply = self.ok(self.post_case("05"))
        calls = message(reply).get("tool_calls")
        text = calls[0]["function"]["arguments"] if calls else message(reply)["content"]
        self.assertRegex(text, r'^\s*\{\s*"findings"\s*:\s*\[')

    @covers("08")
    def test_rusts_formats(self):
        for seed in range(6):
            value = self.answer(self.post_case("08", seed=seed))
            self.assertEqual(set(value), {"depth", "port"})
            self.assertTrue(isinstance(value["depth"], int) and value["depth"] >= 0)
            self.assertTrue(isinstance(value["port"], int) and 0 <= value["port"] <= 65535)

    @covers("09")
    def test_format_and_pattern(self):
        for seed in range(4):
            reply = self.post_case("09", seed=seed)
            if reply.status == 400:
                self.assertRegex(reply.error["message"], "format.*pattern|pattern.*format")
            else:
                self.assertRegex(self.answer(reply)["when"], r"^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?$")

    @covers("10")
    def test_draft_4s_exclusive_minimum(self):
        for seed in range(4):
            for arguments in self.calls_of(self.post_case("10", seed=seed)):
                self.assertEqual(set(arguments), {"ttl", "kind"})
                self.assertGreater(arguments["ttl"], 0)
                self.assertIn(arguments["kind"], ("A", "AAAA"))

    @covers("12")
    def test_an_unanchored_pattern(self):
        for seed in range(6):
            for arguments in self.calls_of(self.post_case("12", seed=seed)):
                self.assertRegex(arguments["text"], r"\S")
                self.assertLessEqual(len(arguments["text"]), 12)

    @covers("13")
    def test_a_schema_that_nothing_satisfies(self):
        error = self.refused(self.post_case("13"), "response_format")
        self.assertIn("id", error["message"] + error["param"])

    @covers("15")
    def test_references_into_properties(self):
        def check(tree):
            self.assertEqual(set(tree), {"left", "right"})
            self.assertLessEqual(len(tree["right"]), 3)
            if isinstance(tree["left"], str):
                self.assertLessEqual(len(tree["left"]), 3)
            else:
                check(tree["left"])
        for seed in range(4):
            reply = self.ok(self.post_case("15", seed=seed))
            if reply.json["choices"][0]["finish_reason"] != "length":
                for arguments in self.calls_of(reply):
                    check(arguments["tree"])

    @covers("16")
    def test_definitions_of_one_name_in_two_tools(self):
        for seed in range(4):
            reply = self.ok(self.post_case("16", seed=seed))
            self.assertIn(reply.json["choices"][0]["finish_reason"], ("tool_calls", "stop"))
            for call in message(reply)["tool_calls"]:
                item = json.loads(call["function"]["arguments"])["item"]
                self.assertEqual(set(item), {"sku"} if call["function"]["name"] == "add_order" else {"name"})

    @covers("17")
    def test_members_beside_patterns(self):
        for seed in range(4):
            value = self.answer(self.post_case("17", seed=seed))
            self.assertEqual(set(value), {"score", "tags"})
            self.assertIn(value["score"], range(0, 101, 5))
            self.assertTrue(len(value["tags"]) <= 2 and all(3 <= len(tag) <= 6 for tag in value["tags"]))

    @covers("33")
    def test_a_schema_that_allows_anything(self):
        reply = self.ok(self.post_case("33"))
        if reply.json["choices"][0]["finish_reason"] != "length":
            self.assertEqual([set(arguments) for arguments in self.calls_of(reply)], [{"input"}] * len(self.calls_of(reply)))

    @covers("34")
    def test_one_of_two_required(self):
        for seed in range(6):
            for arguments in self.calls_of(self.post_case("34", seed=seed)):
                self.assertEqual(len(set(arguments) & {"content", "file_uri"}), 1)

    @covers("35", "35b")
    def test_what_cannot_be_held_is_named_unless_strict(self):
        tags = self.answer(self.post_case("35"))["tags"]
        self.assertTrue(len(tags) <= 3 and all(isinstance(tag, str) and len(tag) <= 5 for tag in tags))
        self.ok(self.post_case("35b", "/v1/responses"))
        strict = case("35")
        strict["response_format"]["json_schema"]["strict"] = True
        strict["response_format"]["json_schema"]["schema"]["properties"]["tags"]["maxItems"] = 1000  # too many to tell apart
        error = self.refused(self.server.post(CHAT, strict), "response_format")
        self.assertIn("uniqueItems", error["message"])

    @covers("37")
    def test_a_large_enum(self):
        asked = case("37")
        entities = asked["response_format"]["json_schema"]["schema"]["properties"]["entity"]["enum"]
        begun = self.server.spent()
        value = self.answer(self.server.post(CHAT, {**asked, "max_tokens": 60}))
        self.assertIn(value["entity"], entities)
        self.assertLess(self.server.spent() - begun, 20)

    @covers("42")
    def test_constraints_under_other_names(self):
        asked = case("42")
        shape = asked.pop("json_schema")
        others = {"json_schema": shape, "grammar": 'root ::= "yes"', "regex": "yes", "ebnf": 'root ::= "yes"', "format": "json"}
        for name, value in others.items():
            with self.subTest(name=name):
                reply = self.server.post(CHAT, {**asked, name: value})
                if reply.status == 200:
                    text, end = message(reply)["content"], reply.json["choices"][0]["finish_reason"]
                    if name in ("grammar", "regex", "ebnf"):
                        self.assertEqual(text, "yes")
                    elif end == "stop":
                        json.loads(text)
                    else:
                        self.assertTrue(text.startswith("{"))
                else:
                    self.assertIn(name, self.refused(reply, f"^{name}$")["message"] + name)
        reply = self.server.post(CHAT, {**asked, "response_format": {"type": "json_object", "schema": shape}})
        self.assertIsInstance(self.answer(reply)["ok"], bool)

    @covers("45")
    def test_compilation_takes_linear_time(self):
        seconds = {}
        for count in (5000, 40000):
            begun = self.server.spent()
            reply = self.server.post(CHAT, generated("45", str(count)))
            seconds[count] = self.server.spent() - begun
            if reply.status != 200:
                self.refused(reply, "response_format")
            else:
                self.assertIn(self.answer(reply), range(count))
        self.assertLess(seconds[40000], 40 * max(seconds[5000], 0.1))

    @covers("46")
    def test_an_answer_by_a_form_streams_beside_tools(self):
        content, calls, _ = joined(self.ok(self.post_case("46", stream=True, max_tokens=200)))
        if not calls:
            self.assertTrue(60 <= len(json.loads(content)["text"]) <= 90)
            pieces = self.post_case("46", stream=True, max_tokens=200).body.count(b'"content":"')
            self.assertGreater(pieces, 10)

    @covers("48")
    def test_valid_values_of_formats_can_be_written(self):
        asked = case("48")
        value = self.answer(self.server.post(CHAT, asked))
        for name, shape in asked["response_format"]["json_schema"]["schema"]["properties"].items():
            self.assertIn(value[name], shape.get("enum") or [shape.get("const")])


if __name__ == "__main__":
    unittest.main()
