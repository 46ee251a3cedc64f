"""Answers that must keep to a form: at any temperature they do, or say that they were cut."""

import json
import unittest

from puna import SharedServer

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 30},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 1, "maxItems": 3},
        "born": {"type": "string", "format": "date"},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["c", "f"]}},
        "required": ["city", "unit"]}}},
    {"type": "function", "function": {"name": "stop"}}]


def json_schema(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


class Structured(SharedServer):
    def check_person(self, text):
        person = json.loads(text)
        self.assertLessEqual(set(person), set(PERSON["properties"]))
        self.assertTrue(1 <= len(person["name"]) <= 30, text)
        self.assertTrue(0 <= person["age"] <= 150, text)
        self.assertTrue(1 <= len(person["tags"]) <= 3 and set(person["tags"]) <= {"a", "b", "c"}, text)
        if "born" in person:
            self.assertRegex(person["born"], r"^\d{4}-\d\d-\d\d$")

    def test_json_schema_at_a_high_temperature(self):
        for seed in range(20):
            choice = self.server.chat("Describe a person.", response_format=json_schema(PERSON), temperature=1.5,
                                      seed=seed, max_tokens=300).json["choices"][0]
            self.assertEqual(choice["finish_reason"], "stop", choice)
            self.check_person(choice["message"]["content"])

    def test_streamed_with_several_choices_and_logprobs(self):
        body = {"response_format": json_schema(PERSON), "temperature": 1.5, "seed": 5, "max_tokens": 300, "n": 3,
                "logprobs": True, "top_logprobs": 2}
        choices = self.server.chat("Describe a person.", **body).json["choices"]
        texts = ["", "", ""]
        for event in self.server.chat("Describe a person.", stream=True, **body).events()[:-1]:
            choice = json.loads(event)["choices"][0]
            texts[choice["index"]] += choice["delta"].get("content") or ""
        self.assertEqual(texts, [c["message"]["content"] for c in choices])
        for choice in choices:
            self.check_person(choice["message"]["content"])
            self.assertEqual("".join(t["token"] for t in choice["logprobs"]["content"]), choice["message"]["content"])

    def test_log_probabilities_change_nothing(self):
        forms = [{"response_format": json_schema(PERSON)}, {"guided_regex": "(The|A) (quick|slow) brown fox[a-z ]{0,20}"},
                 {"tools": TOOLS, "tool_choice": "required"}]
        for form in forms:
            for seed in range(6):
                body = {"temperature": 1.2, "seed": seed, "max_tokens": 200, **form}
                answers = [self.server.chat("Describe a person.", **body, **more).json
                           for more in ({}, {"logprobs": True, "top_logprobs": 1})]
                messages = [a["choices"][0]["message"] for a in answers]
                for message in messages:
                    for call in message.get("tool_calls", []):
                        call["id"] = ""
                self.assertEqual(messages[0], messages[1], form)
                self.assertEqual(*(a["usage"]["completion_tokens"] for a in answers))

    def test_an_answer_beside_tools_comes_as_it_is_written(self):
        tools = [{"type": "function", "function": {"name": "get_weather"}}]
        deltas = 0
        for seed in range(8):
            body = {"guided_regex": "[A-Za-z ,.]{20,60}", "tools": tools, "seed": seed, "temperature": 1, "max_tokens": 100}
            chunks = [json.loads(e)["choices"][0]["delta"]
                      for e in self.server.chat("Write.", stream=True, **body).events()[:-1]]
            texts = [c["content"] for c in chunks if c.get("content")]
            whole = self.server.chat("Write.", **body).json["choices"][0]["message"]
            self.assertEqual("".join(texts), whole["content"] or "")
            deltas = max(deltas, len(texts))
        self.assertGreater(deltas, 5)

    def test_a_cut_answer_says_so(self):
        choice = self.server.chat("Describe a person.", response_format=json_schema(PERSON), max_tokens=4).json["choices"][0]
        self.assertEqual(choice["finish_reason"], "length")

    def test_other_forms(self):
        for seed in range(5):
            more = {"temperature": 1.5, "seed": seed, "max_tokens": 400}
            reply = self.server.chat("Answer.", guided_regex=r"[a-f]{3}-\d{4}", **more)
            self.assertRegex(reply.json["choices"][0]["message"]["content"], r"^[a-f]{3}-\d{4}$")
            reply = self.server.complete("Answer:", guided_choice=["red", "green"], **more)
            self.assertIn(reply.json["choices"][0]["text"], ["red", "green"])
            reply = self.server.complete("Answer:", guided_grammar='root ::= "<" [a-z]{1,5} ">"', **more)
            self.assertRegex(reply.json["choices"][0]["text"], r"^<[a-z]{1,5}>$")
            choice = self.server.chat("An object.", response_format={"type": "json_object"}, **more).json["choices"][0]
            if choice["finish_reason"] == "stop":
                self.assertIsInstance(json.loads(choice["message"]["content"]), dict)

    def test_what_cannot_be_enforced_is_refused(self):
        for schema, keyword in (({"not": {}}, "not"), ({"type": "array", "uniqueItems": True}, "uniqueItems"),
                                ({"type": "string", "pattern": r"(a)\1"}, "pattern"), ({"$ref": "#/none"}, "$ref")):
            reply = self.server.chat("Answer.", response_format=json_schema(schema))
            self.assertEqual(reply.status, 400, reply.body)
            self.assertEqual(reply.error["param"], "response_format")
            self.assertIn(keyword, reply.error["message"])
        reply = self.server.chat("Answer.", response_format=json_schema(PERSON), min_tokens=5)
        self.assertEqual((reply.status, reply.error["param"]), (400, "min_tokens"))

    def test_only_the_keyword_that_cannot_be_enforced_falls(self):
        for rules, keyword in (({"pattern": r"(a)\1"}, "pattern"), ({"format": "phone"}, "format"),
                               ({"multipleOf": 0.3}, "multipleOf"), ({"$ref": "https://example.org/a"}, "$ref")):
            schema = {"type": "object", "required": ["x", "kind"], "additionalProperties": False,
                      "properties": {"x": {**rules, "type": "string", "maxLength": 5}, "kind": {"enum": ["a", "b"]}}}
            forms = ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
                     {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
                      "tool_choice": "required"})
            for body in forms:
                reply = self.server.chat("Fill in the form.", temperature=1.5, seed=1, max_tokens=300, **body)
                self.assertEqual(reply.status, 200, reply.body)
                self.assertIn(f"'{keyword}' at", reply.headers["x-puna-warnings"])
                self.assertIn("#/properties/x", reply.headers["x-puna-warnings"])
                message = reply.json["choices"][0]["message"]
                calls = message.get("tool_calls")
                value = json.loads(calls[0]["function"]["arguments"] if calls else message["content"])
                self.assertEqual(set(value), {"x", "kind"})
                self.assertIn(value["kind"], ["a", "b"])
                self.assertLessEqual(len(value["x"]), 5)

    def test_calls_are_demanded(self):
        for seed in range(8):
            body = {"tools": TOOLS, "temperature": 1.5, "seed": seed, "max_tokens": 200, "parallel_tool_calls": False}
            for choice, names in (("required", {"get_weather", "stop"}),
                                  ({"type": "function", "function": {"name": "get_weather"}}, {"get_weather"})):
                answer = self.server.chat("The weather in Paris?", tool_choice=choice, **body).json["choices"][0]
                self.assertEqual(answer["finish_reason"], "tool_calls", answer)
                call, = answer["message"]["tool_calls"]
                self.assertIn(call["function"]["name"], names)
                arguments = json.loads(call["function"]["arguments"])
                if call["function"]["name"] == "get_weather":
                    self.assertEqual(set(arguments), {"city", "unit"})
                    self.assertIn(arguments["unit"], ["c", "f"])

    def test_a_form_leaves_the_choice_to_call(self):
        schema = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 10}}, "required": ["text"],
                  "additionalProperties": False}
        reasons = set()
        for seed in range(12):
            answer = self.server.chat("What is the weather in Paris?" if seed % 2 else "Say hello.", tools=TOOLS,
                                      response_format=json_schema(schema), temperature=1, seed=seed,
                                      max_tokens=200).json["choices"][0]
            reasons.add(answer["finish_reason"])
            if answer["finish_reason"] == "stop":
                self.assertEqual(set(json.loads(answer["message"]["content"])), {"text"})
        self.assertIn("tool_calls", reasons)

    def test_arguments_are_objects(self):
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}
        reply = self.server.chat("Hi", tools=[tool], tool_choice="required")
        self.assertEqual((reply.status, reply.error["param"]), (400, "tools"))

    def test_no_more_is_cached_than_was_sent(self):
        for _ in range(2):
            usage = self.server.chat("The weather in Paris?", tools=TOOLS, tool_choice="required", max_tokens=60).json["usage"]
            self.assertLessEqual(usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"])

    def test_a_call_that_was_cut_can_be_sent_back(self):
        messages = [{"role": "user", "content": "The weather in Paris?"}]
        cut = self.server.post("/v1/chat/completions", {"messages": messages, "tools": TOOLS, "tool_choice": "required",
                                                        "max_tokens": 12}).json["choices"][0]
        self.assertEqual(cut["finish_reason"], "length")
        call, = cut["message"]["tool_calls"]
        messages += [cut["message"], {"role": "tool", "tool_call_id": call["id"], "content": "not JSON"}]
        reply = self.server.post("/v1/chat/completions", {"messages": messages, "tools": TOOLS, "max_tokens": 5})
        self.assertEqual(reply.status, 200)

    def test_calls_by_choice_are_valid(self):
        for seed in range(12):
            answer = self.server.chat("The weather in Paris?", tools=TOOLS, temperature=1.5, seed=seed,
                                      max_tokens=200).json["choices"][0]
            for call in answer["message"].get("tool_calls") or []:
                self.assertIn(call["function"]["name"], ["get_weather", "stop"])
                if answer["finish_reason"] == "tool_calls":
                    self.assertIsInstance(json.loads(call["function"]["arguments"]), dict)


class WithoutAnEnd(SharedServer):
    """A model that has no end token: the end of the form ends the answer, at each door."""
    arguments = ("--model", "random:tiny")

    def test_each_doors_forms_and_calls_end(self):
        messages = [{"role": "user", "content": "x"}]
        schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 9}, "k": {"enum": ["a", "b"]}},
                  "required": ["n", "k"], "additionalProperties": False}
        one_call = {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}], "tool_choice": "required",
                    "parallel_tool_calls": False}
        chat, model = "/v1/chat/completions", "random:tiny"
        form = json_schema(schema)
        message = lambda reply: reply["choices"][0]["message"]
        arguments = lambda reply: message(reply)["tool_calls"][0]["function"]["arguments"]
        doors = [
            (chat, {"messages": messages, "response_format": form, "max_tokens": 60}, lambda r: message(r)["content"]),
            (chat, {"messages": messages, **one_call, "max_tokens": 60}, arguments),
            ("/v1/completions", {"prompt": "x", "response_format": form, "max_tokens": 60}, lambda r: r["choices"][0]["text"]),
            ("/v1/responses", {"input": "x", "max_output_tokens": 60,
                               "text": {"format": {"type": "json_schema", "name": "a", "schema": schema, "strict": True}}},
             lambda r: r["output"][0]["content"][0]["text"]),
            ("/v1/messages", {"model": model, "messages": messages, "tools": [{"name": "f", "input_schema": schema}],
                              "max_tokens": 60, "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
             lambda r: json.dumps(r["content"][0]["input"])),
            ("/api/chat", {"model": model, "messages": messages, "format": schema, "stream": False, "options": {"num_predict": 60}},
             lambda r: r["message"]["content"])]
        for door, body, text in doors:
            for seed in range(3):
                with self.subTest(door=door, seed=seed):
                    if door == chat:
                        body["seed"] = seed
                    reply = self.server.post(door, body)
                    self.assertEqual(reply.status, 200, reply.body)
                    value = json.loads(text(reply.json))
                    self.assertEqual(set(value), {"n", "k"})
                    self.assertTrue(0 <= value["n"] <= 9 and value["k"] in ("a", "b"))
        for pattern in ({"regex": "yes|no"}, {"grammar": 'root ::= "yes" | "no"'}):
            reply = self.server.post(chat, {"messages": messages, **pattern, "max_tokens": 9})
            self.assertIn(message(reply.json)["content"], ("yes", "no"))

    def test_ids_without_text_have_no_bytes(self):
        reply = self.server.chat("x", max_tokens=8, logprobs=True, top_logprobs=3, seed=1)
        self.assertEqual(reply.status, 200)
        entries = [e for position in reply.json["choices"][0]["logprobs"]["content"] for e in (position, *position["top_logprobs"])]
        self.assertTrue(any(entry["bytes"] is None for entry in entries))
        for entry in entries:
            self.assertEqual(entry["bytes"] is None, entry["token"] == "")


if __name__ == "__main__":
    unittest.main()
