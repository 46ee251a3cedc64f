"""/v1/responses of the real binary with the demo model, as clients use it."""

import json
import os
import unittest

from puna import Server, SharedServer, TemporaryFolder, read_until

RESPONSES = "/v1/responses"
QUESTION = "What is the capital of France?"
WEATHER = {"type": "function", "name": "get_weather", "description": "Gives the weather of a city.",
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}


def events_of(text):
    """The events of a stream; names, numbers and framing must be exact."""
    assert text.endswith("\n\n"), repr(text[-40:])
    events = []
    for frame in text[:-2].split("\n\n"):
        if frame.startswith(": "):
            continue
        name, data = frame.split("\n")
        event = json.loads(data[len("data: "):])
        assert name == "event: " + event["type"], frame
        assert event["sequence_number"] == len(events), frame
        events.append(event)
    return events


class Responses(SharedServer):
    arguments = ("--max-model-len", "2048",)

    def create(self, text, **more):
        return self.server.post(RESPONSES, {"input": text, "temperature": 0, **more})

    def text_of(self, response):
        return response["output"][0]["content"][0]["text"]

    def test_create_retrieve_delete(self):
        reply = self.create(QUESTION, metadata={"topic": "cities"})
        self.assertEqual(reply.status, 200, reply.body)
        response = reply.json
        self.assertEqual((response["object"], response["status"]), ("response", "completed"))
        self.assertIn("Paris", self.text_of(response))
        self.assertEqual(reply.headers["x-puna-store"], "memory")
        chat = self.server.chat(QUESTION, temperature=0).json
        self.assertEqual(self.text_of(response), chat["choices"][0]["message"]["content"])
        self.assertEqual(response["usage"]["input_tokens"], chat["usage"]["prompt_tokens"])
        path = f"{RESPONSES}/{response['id']}"
        self.assertEqual(self.server.get(path).json, response)
        items = self.server.get(path + "/input_items?limit=5&order=asc").json
        self.assertEqual(items["data"][0]["content"][0]["text"], QUESTION)
        self.assertEqual(self.server.get(path + "/input_items?limit=1000").error["param"], "limit")
        self.assertTrue(self.server.request("DELETE", path).json["deleted"])
        for method, at in (("GET", path), ("DELETE", path), ("GET", path + "/input_items")):
            reply = self.server.request(method, at)
            self.assertEqual((reply.status, reply.error["code"]), (404, "response_not_found"))
        self.assertEqual(self.server.post(path + "/cancel", b"").status, 404)

    def test_stream(self):
        whole = self.create(QUESTION, store=False).json
        reply = self.create(QUESTION, stream=True)
        self.assertTrue(reply.headers["content-type"].startswith("text/event-stream"))
        events = events_of(reply.body.decode())
        self.assertEqual([e["type"] for e in events[:2]], ["response.created", "response.in_progress"])
        text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        self.assertEqual(text, self.text_of(whole))
        self.assertEqual(events[-1]["type"], "response.completed")
        response = events[-1]["response"]
        self.assertEqual(self.server.get(f"{RESPONSES}/{response['id']}").json, response)
        self.assertEqual(self.server.get(f"{RESPONSES}/{whole['id']}").status, 404)

    def test_conversation(self):
        first = self.create(QUESTION).json
        second = self.create("And of Italy?", previous_response_id=first["id"]).json
        told = [{"role": "user", "content": QUESTION}, *first["output"], {"role": "user", "content": "And of Italy?"}]
        whole = self.create(told).json
        self.assertEqual(second["usage"]["input_tokens"], whole["usage"]["input_tokens"])
        self.assertEqual(self.text_of(second), self.text_of(whole))
        gone = self.create("Hi", previous_response_id="resp_never")
        self.assertEqual((gone.status, gone.error["param"]), (400, "previous_response_id"))

    def test_a_conversation_is_compacted_before_it_is_answered(self):
        told = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "The capital of France is Paris."},
                {"role": "user", "content": "And of Italy?"}]
        wish = [{"type": "compaction", "compact_threshold": 10}]
        reply = self.create(told, context_management=wish, stream=True, max_output_tokens=20)
        events = events_of(reply.body.decode())
        response = events[-1]["response"]
        self.assertEqual([item["type"] for item in response["output"]], ["compaction", "message"])
        done = [e["item"] for e in events if e["type"] == "response.output_item.done"]
        self.assertEqual(done, response["output"])
        self.assertEqual(self.server.get(f"{RESPONSES}/{response['id']}").json, response)
        # By its id and by its items it is the same conversation, whether what the compaction stands for is sent again or not.
        on = self.create("And of Spain?", previous_response_id=response["id"]).json
        again = self.create([*told, *response["output"], {"role": "user", "content": "And of Spain?"}]).json
        self.assertEqual(on["usage"]["input_tokens"], again["usage"]["input_tokens"])
        from_there = self.create([*response["output"], {"role": "user", "content": "And of Spain?"}]).json
        self.assertLess(from_there["usage"]["input_tokens"], again["usage"]["input_tokens"])
        only = self.create([*told, {"type": "compaction_trigger"}]).json
        self.assertEqual([item["type"] for item in only["output"]], ["compaction"])
        self.assertEqual(self.create(told, context_management=[{"type": "x"}]).error["param"], "context_management[0].type")

    def test_function_call(self):
        first = self.create("What is the weather in Paris?", tools=[WEATHER]).json
        call = first["output"][0]
        self.assertEqual((call["type"], call["name"]), ("function_call", "get_weather"))
        self.assertIn("Paris", json.loads(call["arguments"])["city"])
        events = events_of(self.create("What is the weather in Paris?", tools=[WEATHER], stream=True).body.decode())
        arguments = "".join(e["delta"] for e in events if e["type"] == "response.function_call_arguments.delta")
        self.assertEqual(arguments, call["arguments"])
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny, 20 degrees"}
        second = self.create([output], tools=[WEATHER], previous_response_id=first["id"])
        self.assertEqual(second.status, 200, second.body)

    def test_cut_and_cancelled(self):
        cut = self.create(QUESTION, max_output_tokens=2).json
        self.assertEqual((cut["status"], cut["incomplete_details"]["reason"]), ("incomplete", "max_output_tokens"))
        with self.server.open_stream(RESPONSES, {"input": "Hi", "stream": True, "temperature": 1,
                                                 "seed": 1, "top_k": 0}) as sock:
            head = read_until(sock, b'"type":"response.in_progress"').decode()
            begin = head.index("resp_")
            reply = self.server.post(f"{RESPONSES}/{head[begin:begin + 29]}/cancel", b"")
            # It may have ended by itself before.
            self.assertIn((reply.status, reply.json.get("status")), ((200, "cancelled"), (200, "completed"), (400, None)))

    def test_refused(self):
        for more, param in (({"background": True, "store": False}, "background"), ({"temperature": 9}, "temperature"),
                            ({"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}, "tool_choice"),
                            ({"stream_options": {}}, "stream_options")):
            with self.subTest(more=more):
                reply = self.create("Hi", **more)
                self.assertEqual((reply.status, reply.error["param"]), (400, param), reply.body)
        self.assertEqual(self.server.get(RESPONSES).status, 405)
        self.assertEqual(self.server.get(RESPONSES + "/resp_x/nothing").status, 404)
        self.assertEqual(self.server.get(RESPONSES + "/resp_x").headers["content-type"], "application/json")
        warned = self.create("Hi", reasoning={"effort": "low"}, max_output_tokens=1)
        self.assertIn("reasoning", warned.headers["x-puna-warnings"])

    def test_custom_tools_write_texts_of_their_grammars(self):
        patch = {"type": "custom", "name": "patch", "description": "Edits files.", "format": {
            "type": "grammar", "syntax": "lark",
            "definition": 'start: begin line~1..3 end\nbegin: "*** Begin" LF\nline: ("+" | "-") /[a-z "]{0,8}/ LF\nend: "*** End"\n'
                          "%import common.LF"}}
        form = {"type": "grammar", "syntax": "regex", "definition": "[0-9]{3}-[0-9]{4}"}
        digits = {"type": "custom", "name": "dial", "format": form}
        tools = [patch, digits, WEATHER, {"type": "web_search"},
                 {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "stop"}]}]
        for name, pattern in (("patch", r"\*\*\* Begin\n([+-][a-z \"]{0,8}\n){1,3}\*\*\* End"), ("dial", r"[0-9]{3}-[0-9]{4}")):
            choice = {"type": "custom", "name": name}
            whole = self.create("Use it.", tools=tools, tool_choice=choice, max_output_tokens=200)
            self.assertEqual(whole.status, 200, whole.body)
            self.assertIn("web_search", whole.headers["x-puna-warnings"])
            self.assertNotIn("custom", whole.headers["x-puna-warnings"])
            item = whole.json["output"][0]
            self.assertEqual((item["type"], item["name"], item["status"]), ("custom_tool_call", name, "completed"))
            self.assertRegex(item["input"], f"^{pattern}$")
            stream = self.create("Use it.", tools=tools, tool_choice=choice, max_output_tokens=200, stream=True)
            events = events_of(stream.body.decode())
            deltas = [e["delta"] for e in events if e["type"] == "response.custom_tool_call_input.delta"]
            self.assertEqual("".join(deltas), item["input"])
            self.assertGreater(len(deltas), 2)
            done = next(e for e in events if e["type"] == "response.custom_tool_call_input.done")
            self.assertEqual(done["input"], item["input"])
            # The next turn: by id, and with all items; the prompt is the same, and what the model wrote stands in the cache.
            output = {"type": "custom_tool_call_output", "call_id": item["call_id"], "output": "done"}
            by_id = self.create([output], previous_response_id=whole.json["id"], tools=tools, max_output_tokens=3).json
            items = [{"role": "user", "content": "Use it."}, item, output]
            by_items = self.create(items, tools=tools, max_output_tokens=3).json
            self.assertEqual(by_id["usage"]["input_tokens"], by_items["usage"]["input_tokens"])
            # Whole blocks of the first turn's prompt and call.
            self.assertGreater(by_items["usage"]["input_tokens_details"]["cached_tokens"], whole.json["usage"]["input_tokens"] - 32)

    def test_functions_of_a_namespace_are_called_by_their_own_names(self):
        tools = [{"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "stop", "parameters": {
            "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}}]}]
        reply = self.create("Stop 5.", tools=tools, tool_choice="required", parallel_tool_calls=False)
        item = reply.json["output"][0]
        self.assertEqual((item["type"], item["name"], item["namespace"]), ("function_call", "stop", "agents"))
        self.assertIsInstance(json.loads(item["arguments"])["id"], int)
        output = {"type": "function_call_output", "call_id": item["call_id"], "output": "stopped"}
        turns = [{"role": "user", "content": "Stop 5."}, item, output]
        self.assertEqual(self.create(turns, tools=tools, max_output_tokens=3).status, 200)

    def test_a_broken_grammar_is_refused_and_one_that_cannot_be_followed_warned_of(self):
        def ask(definition):
            tool = {"type": "custom", "name": "t", "format": {"type": "grammar", "syntax": "lark", "definition": definition}}
            return self.create("Hi", tools=[tool], max_output_tokens=3)

        reply = ask('start: "a" missing')
        self.assertEqual((reply.status, reply.error["param"]), (400, "tools"), reply.body)
        self.assertIn("line 1", reply.error["message"])
        reply = ask('start: x{"a"}\nx{y}: y')
        self.assertEqual(reply.status, 200, reply.body)
        self.assertIn("a template cannot be followed here", reply.headers["x-puna-warnings"])

    def test_custom_tools_in_chat_completions(self):
        tool = {"type": "custom", "custom": {"name": "dial", "format": {
            "type": "grammar", "grammar": {"syntax": "regex", "definition": "[0-9]{3}-[0-9]{4}"}}}}
        body = {"messages": [{"role": "user", "content": "Call."}], "tools": [tool], "temperature": 0,
                "tool_choice": {"type": "custom", "custom": {"name": "dial"}}}
        reply = self.server.post("/v1/chat/completions", body)
        self.assertEqual(reply.status, 200, reply.body)
        message = reply.json["choices"][0]["message"]
        call = message["tool_calls"][0]
        self.assertEqual((call["type"], call["custom"]["name"]), ("custom", "dial"))
        self.assertRegex(call["custom"]["input"], "^[0-9]{3}-[0-9]{4}$")
        chunks = [json.loads(e) for e in self.server.post("/v1/chat/completions", {**body, "stream": True}).events()[:-1]]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        pieces = [c["custom"]["input"] for delta in deltas for c in delta.get("tool_calls", [])]
        self.assertEqual("".join(pieces), call["custom"]["input"])
        again = {**body, "tool_choice": "auto", "max_tokens": 3, "messages": [
            *body["messages"], message, {"role": "tool", "tool_call_id": call["id"], "content": "ringing"}]}
        self.assertEqual(self.server.post("/v1/chat/completions", again).status, 200)


class OpenResponses(SharedServer):
    """Cases of the kinds that Open Responses' compliance suite has, with the sampling that it leaves to the server."""

    # What its schema of a response demands, beside the kinds of its values.
    TEXTS = ("id", "object", "status", "model", "truncation", "service_tier")
    NUMBERS = ("created_at", "top_p", "temperature", "presence_penalty", "frequency_penalty", "top_logprobs")
    SWITCHES = ("parallel_tool_calls", "store", "background")
    NULLABLE = ("completed_at", "incomplete_details", "previous_response_id", "instructions", "error", "max_output_tokens",
                "max_tool_calls", "safety_identifier", "prompt_cache_key", "usage", "reasoning")

    def check(self, response, status="completed"):
        self.assertEqual(response["status"], status, response)
        self.assertEqual(response["object"], "response")
        for names, kind in ((self.TEXTS, str), (self.NUMBERS, (int, float)), (self.SWITCHES, bool)):
            for name in names:
                self.assertIsInstance(response[name], kind, name)
        self.assertEqual([name for name in self.NULLABLE if name not in response], [])
        self.assertEqual((response["text"]["format"]["type"], response["tool_choice"] is None), ("text", False))
        for item in response["output"]:
            self.assertIn(item["status"], ("in_progress", "completed", "incomplete"))
            for part in item.get("content", []):
                self.assertEqual((part["type"], part["annotations"], part["logprobs"]), ("output_text", [], []))
        return response

    def ask(self, *messages, **more):
        told = [{"type": "message", "role": role, "content": text, **extra} for role, text, extra in messages]
        reply = self.server.post(RESPONSES, {"model": "puna-demo", "input": told, **more})
        self.assertEqual(reply.status, 200, reply.body)
        return reply

    def test_histories(self):
        history = (("user", "My name is Alice.", {}), ("assistant", "Hello Alice!", {}), ("user", "What is my name?", {}))
        phases = (("assistant", "Let me see.", {"phase": "commentary"}), ("assistant", "It is four.", {"phase": "final_answer"}),
                  ("user", "Say it again.", {}))
        for messages in (history, phases, (("system", "You are a pirate.", {}), ("user", "Say hello.", {}))):
            response = self.check(self.ask(*messages).json)
            self.assertTrue(self.server.get(f"{RESPONSES}/{response['id']}").json["output"])

    def test_a_call_on_its_own_account_streamed(self):
        events = events_of(self.ask(("user", "What's the weather like in San Francisco?", {}), tools=[WEATHER],
                                    stream=True).body.decode())
        for event in events:
            if "response" in event:
                self.check(event["response"], "completed" if event["type"] == "response.completed" else "in_progress")
        calls = [e for e in events if e.get("item", {}).get("type") == "function_call"]
        self.assertEqual([e["type"] for e in calls], ["response.output_item.added", "response.output_item.done"])
        parts = "".join(e["delta"] for e in events if e["type"] == "response.function_call_arguments.delta")
        done, = (e for e in events if e["type"] == "response.function_call_arguments.done")
        self.assertEqual((done["arguments"], calls[1]["item"]["arguments"]), (parts, parts))
        self.assertEqual(calls[0]["item"]["arguments"], "")

    def test_a_result_goes_back_without_its_tools(self):
        """The second request says neither the tools nor the call again: both stand in the response before."""
        first = self.check(self.ask(("user", "Use the tool for San Francisco.", {}), tools=[WEATHER],
                                    tool_choice={"type": "function", "name": "get_weather"}).json)
        call, = first["output"]
        second = self.check(self.server.post(RESPONSES, {
            "model": "puna-demo", "previous_response_id": first["id"],
            "input": [{"type": "function_call_output", "call_id": call["call_id"], "output": "64 degrees and clear"}]}).json)
        self.assertEqual(second["previous_response_id"], first["id"])
        self.assertEqual([item["type"] for item in second["output"]], ["message"])


class Sealed(TemporaryFolder, unittest.TestCase):
    def test_a_summary_outlives_the_server_and_no_other_opens_it(self):
        def serve(name):
            return Server("--responses-path", os.path.join(self.folder, name))

        with serve("one") as server:
            reply = server.post(RESPONSES + "/compact", {"input": QUESTION, "max_output_tokens": 20})
            self.assertEqual(reply.status, 200, reply.body)
            compacted = reply.json["output"]
        body = {"input": [*compacted, {"role": "user", "content": QUESTION}], "max_output_tokens": 5}
        with serve("one") as server:
            self.assertEqual(server.post(RESPONSES, body).status, 200)
        with serve("another") as server:
            reply = server.post(RESPONSES, body)
            self.assertEqual((reply.status, reply.json["error"]["code"]), (400, "invalid_encrypted_content"))


if __name__ == "__main__":
    unittest.main()
