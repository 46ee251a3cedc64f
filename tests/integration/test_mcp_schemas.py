"""Tools' schemas as MCP servers and schema libraries write them (zod, pydantic, Rust, PHP, draft 4 to 2020-12): what can be
enforced holds at a high temperature, and what cannot falls alone and is named with its place."""

import json
import re
import unittest

from puna import SharedServer

TEXT = {"type": "string", "maxLength": 6}


def members(properties, required=None, **more):
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required, **more}


def matches(pattern, name="e"):
    return lambda value: re.fullmatch(pattern, value[name])


def short(value):
    return isinstance(value["a"], str) and len(value["a"]) <= 6


# What is written -> whether arguments are right.
ENFORCED = {
    "zod's e-mail": (members({"e": {"type": "string", "format": "email",
                                    "pattern": r"^(?!\.)(?!.*\.\.)[a-z]{1,5}@[a-z]{1,5}\.com$"}}),
                     matches(r"[a-z]{1,5}@[a-z]{1,5}\.com")),
    "a look-behind": (members({"e": {"type": "string", "pattern": "^a(?<=a)b{1,3}$"}}), matches("ab{1,3}")),
    "case ignored": (members({"e": {"type": "string", "pattern": "(?i)^(yes|no)$"}}), matches("(?i)yes|no")),
    "named groups": (members({"e": {"type": "string", "pattern": r"^(?<y>\d{4})-(?P<m>\d\d)$"}}), matches(r"[0-9]{4}-[0-9]{2}")),
    "classes of characters": (members({"e": {"type": "string", "pattern": r"^\p{Lu}\p{L}{1,3}$"}}),
                              lambda v: v["e"][0].isupper() and v["e"].isalpha() and 2 <= len(v["e"]) <= 4),
    "word boundaries": (members({"e": {"type": "string", "pattern": r"^\bab\b c$"}}), matches("ab c")),
    "draft 4's exclusive maximum": (members({"n": {"type": "integer", "minimum": 3, "maximum": 5, "exclusiveMaximum": True}}),
                                    lambda v: v["n"] in (3, 4)),
    "Rust's formats": (members({"n": {"type": "integer", "format": "uint8", "minimum": 0, "maximum": 5}}),
                       lambda v: v["n"] in range(6)),
    "a tuple of drafts 4 to 2019": (members({"t": {"type": "array", "items": [{"const": 1}, {"const": "x"}],
                                                   "additionalItems": False, "minItems": 2}}), lambda v: v["t"] == [1, "x"]),
    "a tuple of 2020": (members({"t": {"type": "array", "prefixItems": [{"const": 1}, {"const": "x"}], "items": False,
                                       "minItems": 2}}),
                        lambda v: v["t"] == [1, "x"]),
    "definitions": ({**members({"a": {"$ref": "#/definitions/A"}}), "definitions": {"A": {"enum": ["q"]}}},
                    lambda v: v["a"] == "q"),
    "a reference by $id": ({"$id": "http://x.org/s.json", **members({"a": {"$ref": "a.json"}}),
                            "$defs": {"A": {"$id": "a.json", "enum": ["q"]}}}, lambda v: v["a"] == "q"),
    "unique items of an enum": (members({"a": {"type": "array", "items": {"enum": ["x", "y"]}, "uniqueItems": True,
                                               "minItems": 2}}),
                                lambda v: sorted(v["a"]) == ["x", "y"]),
    "one of two members": ({**members({"a": TEXT, "b": TEXT}, [], additionalProperties=False),
                            "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, lambda v: len(v) == 1),
    "any of two members": ({**members({"a": TEXT, "b": TEXT}, [], additionalProperties=False),
                            "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, lambda v: len(v) >= 1),
    "one of two told apart by a const": (
        members({"a": {"oneOf": [members({"k": {"const": "p"}, "v": {"const": 1}}, additionalProperties=False),
                                 members({"k": {"const": "q"}, "w": {"const": 2}}, additionalProperties=False)]}}),
        lambda v: v["a"] in ({"k": "p", "v": 1}, {"k": "q", "w": 2})),
    "if, then and else": ({**members({"k": {"enum": ["p", "q"]}, "v": {"enum": [1, 2]}}, additionalProperties=False),
                           "if": {"properties": {"k": {"const": "p"}}}, "then": {"properties": {"v": {"const": 1}}},
                           "else": {"properties": {"v": {"const": 2}}}}, lambda v: v in ({"k": "p", "v": 1}, {"k": "q", "v": 2})),
    "not of an enum": (members({"a": {"type": "integer", "minimum": 1, "maximum": 3, "not": {"enum": [1, 2]}}}),
                       lambda v: v["a"] == 3),
    "a member that demands another": ({**members({"a": TEXT, "b": TEXT}, ["a"], additionalProperties=False),
                                       "dependentRequired": {"a": ["b"]}}, lambda v: set(v) == {"a", "b"}),
    "names of members": ({"type": "object", "propertyNames": {"pattern": "^[a-z]{2}$"}, "minProperties": 1, "maxProperties": 2,
                          "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 9}},
                         lambda v: 1 <= len(v) <= 2 and all(re.fullmatch("[a-z]{2}", k) and n in range(10) for k, n in v.items())),
    "contains": (members({"a": {"type": "array", "contains": {"const": 5}, "items": {"enum": [1, 5]}, "maxItems": 3}}),
                 lambda v: 5 in v["a"] and len(v["a"]) <= 3),
    "no other members": (members({"a": TEXT}, unevaluatedProperties=False), lambda v: set(v) == {"a"} and short(v)),
    "OpenAPI's nullable": (members({"a": {"type": "string", "nullable": True, "maxLength": 4}}),
                           lambda v: v["a"] is None or len(v["a"]) <= 4),
}
# What is written -> keyword and place that the warning names; `a` holds all the same.
NAMED = {
    "PHP's empty list": ({"type": "object", "properties": []}, r"'properties' at tool 'f' #"),
    "required that is no list": ({"type": "object", "properties": {"a": TEXT}, "required": {}}, r"'required' at tool 'f' #"),
    "a back reference": (members({"e": {"type": "string", "pattern": r"^(a|b)\1$"}, "a": TEXT}),
                         r"'pattern' at tool 'f' #/properties/e"),
    "a pattern that is none": (members({"e": {"type": "string", "pattern": "(["}, "a": TEXT}),
                               r"'pattern' at tool 'f' #/properties/e"),
    "another document": (members({"e": {"$ref": "http://other.org/x.json"}, "a": TEXT}), r"'\$ref' at tool 'f' #/properties/e"),
}


class Tools(SharedServer):
    def call(self, schema, seed, **more):
        return self.server.chat("Fill in the form.", tool_choice="required", parallel_tool_calls=False, temperature=1.3,
                                seed=seed, max_tokens=400,
                                tools=[{"type": "function", "function": {"name": "f", "parameters": schema, **more}}])

    def value_of(self, reply):
        choice = reply.json["choices"][0]
        if choice["finish_reason"] == "length":
            return None
        return json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])

    def test_what_is_enforced(self):
        for name, (schema, right) in ENFORCED.items():
            with self.subTest(schema=name):
                found = 0
                for seed in range(4):
                    reply = self.call(schema, seed)
                    self.assertEqual((reply.status, reply.headers.get("x-puna-warnings")), (200, None), reply.body)
                    value = self.value_of(reply)
                    if value is not None:
                        self.assertTrue(right(value), value)
                        found += 1
                self.assertGreater(found, 0)

    def test_what_falls_falls_alone_and_is_named(self):
        for name, (schema, warning) in NAMED.items():
            with self.subTest(schema=name):
                reply = self.call(schema, 1)
                self.assertEqual(reply.status, 200, reply.body)
                self.assertRegex(reply.headers["x-puna-warnings"], warning)
                value = self.value_of(reply)
                if value is not None and "a" in (schema.get("required") or []):
                    self.assertTrue(short(value), value)
                strict = self.call(schema, 1, strict=True)
                self.assertEqual((strict.status, strict.error["param"]), (400, "tools"))


if __name__ == "__main__":
    unittest.main()
