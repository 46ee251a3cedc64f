"""/v1/responses of the real binary with the demo model, as clients use it."""

import json
import unittest

from puna import SharedServer, read_until

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
        for more, param in (({"background": True}, "background"), ({"temperature": 9}, "temperature"),
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


if __name__ == "__main__":
    unittest.main()
