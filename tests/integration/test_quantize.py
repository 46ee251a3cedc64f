"""puna quantize and puna pack: from the demo model to folders that the server runs from."""

import json
import os
import unittest

from puna import SOURCE, Server, TemporaryFolder, run

MODEL = os.path.join(SOURCE, "engine", "demo", "model")
QUESTION = "What is the capital of France?"
PACKED = "puna-packed.bin"


def answer(folder, *arguments):
    """The first tokens that a server on this model gives to the question, and its log."""
    with Server("--model", folder, *arguments) as server:
        reply = server.chat(QUESTION, temperature=0, max_tokens=12)
        assert reply.status == 200, reply.body
        return reply.json["choices"][0]["message"]["content"], server.log()


class Quantize(TemporaryFolder):
    def path(self, name):
        return os.path.join(self.folder, name)

    def quantize(self, out, *arguments):
        return run("quantize", MODEL, self.path(out), "--threads", "1", *arguments)

    def chats(self):
        lines = [json.dumps({"messages": [{"role": "user", "content": f"What is {n} plus {n + 3}?"}],
                             "expected": f"{n} plus {n + 3} is {2 * n + 3}."}) for n in range(40)]
        return self.write("chats.jsonl", "\n".join(lines) + "\n")

    def test_four_bits_with_rotations_and_a_report(self):
        chats = self.chats()
        done = self.quantize("out", "--calibration", chats, "--report-text", chats)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("out/quantization_report.json"), encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual(len(report["layers"]), 4)
        errors = report["layers"][3]["mlp.down_proj"]
        self.assertLess(errors["relative_output_error"], errors["relative_weight_error"])
        quality = report["quality"]
        self.assertGreater(quality["mean_kl_nats"], 0)
        self.assertLess(quality["mean_kl_nats"], 0.1)
        self.assertLess(abs(quality["perplexity"] - quality["bf16_perplexity"]), 0.1 * quality["bf16_perplexity"])
        with open(self.path("out/config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.assertEqual(config["quantization_config"]["quant_method"], "compressed-tensors")
        self.assertTrue(config["tie_word_embeddings"])
        packed, log = answer(self.path("out"))
        self.assertIn("Paris", packed)
        os.remove(self.path("out/" + PACKED))
        self.assertEqual(answer(self.path("out"))[0], packed)
        again = self.quantize("out")
        self.assertEqual(again.returncode, 1)
        self.assertIn("found a whole model", again.stderr)

    def test_eight_bits_without_a_packed_file(self):
        done = self.quantize("out", "--scheme", "w8a8", "--no-pack")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.exists(self.path("out/" + PACKED)))
        self.assertIn("Paris", answer(self.path("out"))[0])

    def test_mistakes_are_told(self):
        for arguments, told in ((("--scheme", "w3a8"), "w3a8"), (("--rotations", "r3"), "r1,r2,r4"),
                                (("--calibration", self.path("nothing.txt")), "cannot be opened"),
                                (("--report-text", self.write("short.txt", "too short")), "tokens")):
            done = self.quantize("out", *arguments)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(told, done.stderr + done.stdout)
        self.assertFalse(os.path.exists(self.path("out/config.json")))


class Pack(TemporaryFolder):
    def pack(self, *arguments):
        return run("pack", MODEL, self.folder, "--threads", "1", *arguments)

    def test_the_packed_model_answers_like_the_loaded_one(self):
        done = self.pack("--weights", "w8a8")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(answer(self.folder)[0], answer(MODEL, "--weights", "w8a8")[0])
        self.assertEqual(answer(os.path.join(self.folder, PACKED))[0], answer(self.folder)[0])

    def test_a_file_that_is_not_whole_stops_the_server_with_a_clear_word(self):
        self.assertEqual(self.pack("--weights", "w4a8").returncode, 0)
        path = os.path.join(self.folder, PACKED)
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) // 2)
        done = run("serve", "--port", "0", "--model", self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn(PACKED, done.stderr)
        self.assertIn("puna pack", done.stderr)

    def test_other_weights_than_the_packed_ones_are_not_there(self):
        self.assertEqual(self.pack("--weights", "w4a8").returncode, 0)
        done = run("serve", "--port", "0", "--model", self.folder, "--weights", "bf16")
        self.assertEqual(done.returncode, 1)
        self.assertIn("found w4a8", done.stderr)


if __name__ == "__main__":
    unittest.main()
