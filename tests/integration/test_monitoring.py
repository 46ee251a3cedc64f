"""What docker/monitoring asks for is what /metrics gives; Prometheus' own promtool reads both, where it is installed."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from puna import HANG_SECONDS, SOURCE, SharedServer

MONITORING = os.path.join(SOURCE, "docker", "monitoring")
PROMTOOL = shutil.which("promtool")


def board():
    with open(os.path.join(MONITORING, "dashboards", "puna.json"), encoding="utf-8") as file:
        return json.load(file)


def expressions():
    return [target["expr"] for panel in board()["panels"] for target in panel["targets"]]


class Monitoring(SharedServer):
    def metrics(self):
        self.assertEqual(self.server.chat("What is the capital of France?").status, 200)
        reply = self.server.get("/metrics")
        self.assertEqual(reply.status, 200)
        return reply.body.decode()

    def test_every_metric_on_the_board_is_served(self):
        served = set(re.findall(r"(?m)^([a-z0-9_:]+)(?:\{| )", self.metrics()))
        wanted = {name for e in expressions() for name in re.findall(r"\b(?:puna:|process_)[a-z0-9_]+", e)}
        self.assertGreater(len(wanted), 15)
        self.assertEqual(wanted - served, set())

    @unittest.skipUnless(PROMTOOL, "skipped: no promtool")
    def test_promtool_reads_the_metrics(self):
        result = subprocess.run([PROMTOOL, "check", "metrics"], input=self.metrics(), capture_output=True, text=True,
                                timeout=HANG_SECONDS, check=False)
        # 1 is a metric that cannot be read, 3 a matter of style: vLLM's names, which ours follow, have colons.
        self.assertIn(result.returncode, (0, 3), result.stderr)

    @unittest.skipUnless(PROMTOOL, "skipped: no promtool")
    def test_promtool_accepts_every_query(self):
        rules = [{"record": f"board:query{i}", "expr": e.replace("$__rate_interval", "1m")}
                 for i, e in enumerate(expressions())]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": "board", "rules": rules}]}, file)  # JSON is YAML
            file.flush()
            subprocess.run([PROMTOOL, "check", "rules", file.name], check=True, capture_output=True, timeout=HANG_SECONDS)

    def test_the_board_is_what_its_script_writes(self):
        path = os.path.join(MONITORING, "make_dashboard.py")
        scope = {"__file__": path, "__name__": "make_dashboard"}
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), scope)  # pylint: disable=exec-used
        self.assertEqual(scope["dashboard"](), board())


if __name__ == "__main__":
    unittest.main()
