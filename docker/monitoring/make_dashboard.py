"""Writes dashboards/puna.json, Grafana's board for puna. The panels are listed here; the JSON around them is always the same.

python3 docker/monitoring/make_dashboard.py
"""

import json
import os

RATE = "[$__rate_interval]"


def quantiles(histogram):
    return [(f"histogram_quantile({q}, sum by (le) (rate(puna_{histogram}_bucket{RATE})))", f"{int(q * 100)} %")
            for q in (0.5, 0.95, 0.99)]


def mean(histogram):
    return f"rate(puna_{histogram}_sum{RATE}) / rate(puna_{histogram}_count{RATE})"


# Title, unit, [(expression, legend)].
PANELS = [
    ("Requests", "short", [("puna_num_requests_running", "running"), ("puna_num_requests_waiting", "waiting")]),
    ("Ended requests", "reqps", [(f"sum by (finished_reason) (rate(puna_request_success_total{RATE}))",
                                  "{{finished_reason}}")]),
    ("Tokens", "short", [(f"rate(puna_prompt_tokens_total{RATE})", "prompt tokens a second"),
                         (f"rate(puna_generation_tokens_total{RATE})", "generated tokens a second")]),
    ("Time to first token", "s", quantiles("time_to_first_token_seconds")),
    ("Time between tokens", "s", quantiles("inter_token_latency_seconds")),
    ("Whole request", "s", quantiles("e2e_request_latency_seconds")),
    ("Where the time goes (mean)", "s", [(mean("request_queue_time_seconds"), "waiting in line"),
                                         (mean("request_prefill_time_seconds"), "prompt"),
                                         (mean("request_decode_time_seconds"), "answer")]),
    ("KV cache", "percentunit", [("puna_kv_cache_usage_perc", "held by requests"),
                                 (f"rate(puna_prefix_cache_hits_total{RATE}) / rate(puna_prefix_cache_queries_total{RATE})",
                                  "prompt tokens found in the cache")]),
    ("Step", "s", quantiles("iteration_time_seconds")),
    ("Batch (mean)", "short", [(mean("iteration_num_seqs"), "sequences"), (mean("iteration_tokens"), "tokens")]),
    ("Speculation and preemption", "short",
     [(f"sum(rate(puna_spec_decode_num_accepted_tokens_total{RATE}))", "accepted guesses a second"),
      (f"sum(rate(puna_spec_decode_num_draft_tokens_total{RATE}))", "guesses a second"),
      (f"rate(puna_num_preemptions_total{RATE})", "preemptions a second")]),
    ("What sequences wait for", "short", [("puna_num_requests_waiting_for", "{{reason}}")]),
    ("Who waits (sequences by key)", "short", [("puna_key_requests_waiting", "{{key}}")]),
    ("For whom (tokens a second by key)", "short",
     [(f"rate(puna_key_prompt_tokens_total{RATE}) + rate(puna_key_generation_tokens_total{RATE})", "{{key}}")]),
    ("Wait before the first step (mean by key)", "s",
     [(f"rate(puna_key_queue_seconds_total{RATE}) / rate(puna_key_requests_total{RATE})", "{{key}}")]),
    ("Requests in progress by key", "short", [("puna_key_requests_in_progress", "{{key}}")]),
    ("Refused by a key's limit", "reqps",
     [(f"sum by (key, limit) (rate(puna_key_refused_requests_total{RATE}))", "{{key}}: {{limit}}")]),
    ("Connections", "short", [("puna_http_connections", "all"), ("puna_key_http_connections", "{{key}}")]),
    ("Memory of requests", "bytes", [("puna_http_request_memory_bytes", "taken"),
                                     ("puna_http_request_memory_limit_bytes", "limit"),
                                     ("puna_kept_memory_bytes", "kept: {{kind}}")]),
    ("Process", "bytes", [("process_resident_memory_bytes", "resident memory")]),
]


def panel(number, title, unit, targets):
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"x": number % 3 * 8, "y": number // 3 * 8, "w": 8, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{"refId": chr(ord("A") + i), "expr": expression, "legendFormat": legend}
                    for i, (expression, legend) in enumerate(targets)],
    }


def dashboard():
    return {
        "uid": "puna",
        "title": "puna",
        "schemaVersion": 39,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "panels": [panel(i, *p) for i, p in enumerate(PANELS)],
    }


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dashboards", "puna.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(dashboard(), file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
