"""What docker/monitoring asks for is what /metrics gives; Prometheus' own promtool reads both, where it is installed."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from puna import HANG_SECONDS, SOURCE, Server, SharedServer

MONITORING = os.path.join(SOURCE, "docker", "monitoring")
PROMTOOL = shutil.which("promtool")


def board():
    with open(os.path.join(MONITORING, "dashboards", "puna.json"), encoding="utf-8") as file:
        return json.load(file)


def expressions():
    return [target["expr"] for panel in board()["panels"] for target in panel["targets"]]


UNITS = {"s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d",
         "milliseconds", "minutes", "hours", "days", "weeks", "bits", "kilobytes", "megabytes", "percent", "percentage"}


def complaints(page):
    """What promtool's linter would say of the page: the rules of Prometheus' promlint, for where there is no promtool."""
    kinds, helps, found = {}, set(), []
    for line in page.splitlines():
        if line.startswith("# HELP "):
            helps.add(line.split(" ", 3)[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            kinds[name] = kind
    for name, kind in kinds.items():
        total = name.endswith("_total")
        if name not in helps:
            found.append(f"{name}: no help text")
        if total != (kind == "counter"):
            found.append(f"{name}: _total is of counters and only of them")
        if kind not in ("histogram", "summary") and re.search("_(bucket|count|sum)$", name):
            found.append(f"{name}: the ending of a histogram")
        if not re.fullmatch("[a-z_][a-z0-9_]*", name):
            found.append(f"{name}: not in snake_case, or with a colon")
        if UNITS & set(name.split("_")):
            found.append(f"{name}: a unit that is no base unit, or short")
        if {"counter", "gauge", "histogram", "summary"} & set(name.split("_")):
            found.append(f"{name}: its type in its name")
    for label in set(re.findall(r'[{,]([A-Za-z_:]+)="', page)):
        if not re.fullmatch("[a-z_][a-z0-9_]*", label):
            found.append(f"{label}: a label that is not in snake_case")
    return found


def alerts():
    with open(os.path.join(MONITORING, "alerts.yml"), encoding="utf-8") as file:
        return file.read()


class Monitoring(SharedServer):
    def metrics(self):
        self.assertEqual(self.server.chat("What is the capital of France?").status, 200)
        reply = self.server.get("/metrics")
        self.assertEqual(reply.status, 200)
        return reply.body.decode()

    def test_every_metric_on_the_board_and_in_the_alerts_is_served(self):
        with Server("--api-key", "one") as keyed:  # what is told of keys is only there where there are some
            page = keyed.get("/metrics", headers={"Authorization": "Bearer one"}).body.decode()
        self.assertEqual(complaints(page), [])
        served = set(re.findall(r"(?m)^([a-z0-9_:]+)(?:\{| )", self.metrics() + page))
        asked = (*expressions(), *re.findall(r"(?m)^ +expr: (.*)$", alerts()))
        wanted = {name for e in asked for name in re.findall(r"\b(?:puna_|process_)[a-z0-9_]+", e)}
        self.assertGreater(len(wanted), 15)
        self.assertEqual(wanted - served, set())

    @unittest.skipUnless(PROMTOOL, "skipped: no promtool")
    def test_promtool_reads_the_metrics(self):
        result = subprocess.run([PROMTOOL, "check", "metrics"], input=self.metrics(), capture_output=True, text=True,
                                timeout=HANG_SECONDS, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_the_names_are_as_prometheus_wants_them(self):
        self.assertEqual(complaints(self.metrics()), [])
        self.assertEqual(len(complaints("# TYPE a:b_ms gauge\n# TYPE c_total histogram\n")), 5)

    @unittest.skipUnless(PROMTOOL, "skipped: no promtool")
    def test_promtool_accepts_every_query(self):
        rules = [{"record": f"board:query{i}", "expr": e.replace("$__rate_interval", "1m")}
                 for i, e in enumerate(expressions())]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": "board", "rules": rules}]}, file)  # JSON is YAML
            file.flush()
            subprocess.run([PROMTOOL, "check", "rules", file.name], check=True, capture_output=True, timeout=HANG_SECONDS)

    @unittest.skipUnless(PROMTOOL, "skipped: no promtool")
    def test_promtool_accepts_the_alerts(self):
        path = os.path.join(MONITORING, "alerts.yml")
        command = [PROMTOOL, "check", "rules", path]
        result = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=True)
        self.assertIn(f"{alerts().count('- alert: ')} rules found", result.stdout)

    def test_the_board_is_what_its_script_writes(self):
        path = os.path.join(MONITORING, "make_dashboard.py")
        scope = {"__file__": path, "__name__": "make_dashboard"}
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), scope)  # pylint: disable=exec-used
        self.assertEqual(scope["dashboard"](), board())


class VllmNames(unittest.TestCase):
    def test_boards_and_gateways_made_for_vllm_find_its_names(self):
        with Server("--metrics-names", "vllm") as server:
            self.assertEqual(server.chat("What is the capital of France?").status, 200)
            page = server.get("/metrics").body.decode()
            model = server.get("/v1/models").json["data"][0]["id"]
        labels = f'{{model_name="{model}",engine="0"'
        for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "gpu_cache_usage_perc",
                     "prefix_cache_queries_total", "prompt_tokens_total", "time_to_first_token_seconds_count",
                     "inter_token_latency_seconds_sum", "time_per_output_token_seconds_sum", "iteration_tokens_total_count",
                     "request_success_total", "cache_config_info"):
            self.assertIn(f"\nvllm:{name}{labels}", page)
        self.assertIn('num_gpu_blocks="', page)
        self.assertIn("vllm:lora_requests_info{", page)
        self.assertIn("\npuna_http_requests_total{", page)
        self.assertNotIn("\npuna_num_requests_running", page)


if __name__ == "__main__":
    unittest.main()
