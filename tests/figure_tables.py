"""Tables of figures that take more than one run, or a program that prints no table: the commands behind documents' figures.

Usage: figure_tables.py weights   puna bench in each format of weights, a row for each
       figure_tables.py files F.gguf ...  puna bench and llama.cpp's two on each file, in turn, a row for each; the way to
                                  llama.cpp's tools is PUNA_LLAMA (a command that llama-bench and its arguments follow), and
                                  the folder where they see the files is PUNA_LLAMA_MODELS
       figure_tables.py kernels   puna bench kernels --isa avx2, a row for each form of weights
       figure_tables.py schemas   what of JSON Schema is enforced, by its test suite (test_engine_grammar says it)

puna is looked for in PATH, the test beside it. Prints Markdown; exits with 1 and says why when a program fails.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

MEASURE = ["--prompt", "512", "--generate", "32", "--streams", "1,8", "--json"]
BENCH = ["puna", "bench", "--model", "random:llama-3.2-3b", *MEASURE]
GIB = 1 << 30


def table(head, rows):
    edges = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, edges, *rows])


def weights_table(results):
    """A row for each result of puna bench --json."""
    head = ["`--weights`", "prefill, share of peak", "decode, share of bandwidth", "8 streams in all", "weights",
            "resident with its KV cache", "load"]
    rows = []
    for bench in results:
        one, eight = bench["decode"]
        rows.append([bench["weights"], f"{bench['prefill_tokens_per_s']:.0f} tokens/s, {bench['prefill_share_of_peak']:.2f}",
                     f"{one['tokens_per_s']:.1f} tokens/s, {one['share_of_bandwidth']:.2f}",
                     f"{eight['tokens_per_s']:.0f} tokens/s", f"{bench['weights_bytes'] / GIB:.2f} GiB",
                     f"{bench['resident_bytes'] / GIB:.2f} GiB",
                     f"{bench['load_seconds']:.0f} s"])
    return table(head, rows)


def llama_file(path):
    return os.path.join(os.environ["PUNA_LLAMA_MODELS"], os.path.basename(path)) if "PUNA_LLAMA_MODELS" in os.environ else path


def llama_rates(path):
    """Tokens a second of llama.cpp on this file: prefill of 512, one stream, eight streams in all."""
    llama, model = shlex.split(os.environ.get("PUNA_LLAMA", "")), ["-m", llama_file(path), "-t", str(len(os.sched_getaffinity(0)))]
    rows = json.loads(run([*llama, "llama-bench", *model, "-p", "512", "-n", "32", "-r", "2", "-fa", "1", "-o", "json"]))
    batched = run([*llama, "llama-batched-bench", *model, "-c", "4096", "-npp", "32", "-ntg", "32", "-npl", "8", "-fa", "on",
                   "--output-format", "jsonl"])
    eight = [json.loads(line) for line in batched.splitlines() if line.startswith("{")]
    return [next(row["avg_ts"] for row in rows if row["n_prompt"]), next(row["avg_ts"] for row in rows if row["n_gen"]),
            eight[-1]["speed_tg"]]


def puna_rates(bench):
    return [bench["prefill_tokens_per_s"], *(streams["tokens_per_s"] for streams in bench["decode"])]


def files_table(paths):
    """Each file is measured by llama.cpp, by puna and by llama.cpp again: the ratio is to the mean of its two."""
    head = ["file", "its size", "resident", "load", "prefill 512", "ratio", "one stream", "ratio", "of bandwidth",
            "8 streams in all", "ratio"]
    rows = []
    for path in paths:
        first = llama_rates(path)
        bench = json.loads(run(["puna", "bench", "--model", path, *MEASURE]))
        theirs = [(a + b) / 2 for a, b in zip(first, llama_rates(path))]
        pairs = [[f"{ours:.1f} and {other:.1f}", f"{ours / other:.2f}"] for ours, other in zip(puna_rates(bench), theirs)]
        rows.append([re.sub(r".*-|\.gguf$", "", os.path.basename(path)), f"{os.path.getsize(path) / GIB:.2f} GiB",
                     f"{bench['resident_bytes'] / GIB:.2f} GiB", f"{bench['load_seconds']:.0f} s", *pairs[0], *pairs[1],
                     f"{bench['decode'][0]['share_of_bandwidth']:.2f}", *pairs[2]])
        print(f"-- {rows[-1]}", file=sys.stderr, flush=True)
    return table(head, rows)


def kernels_table(bench):
    """Operations a clock out of the cache by rows, the widest as a share of its ceiling, and GB/s from memory of few rows."""
    forms = list(dict.fromkeys(kernel["weights"] for kernel in bench["kernels"]))
    by_form = {form: {k["rows"]: k for k in bench["kernels"] if k["weights"] == form} for form in forms}
    rows_of = sorted(by_form[forms[0]])
    few, widest = [rows for rows in rows_of if rows <= 4], rows_of[-1]
    head = (["weights"] + [f"{rows} row{'s' * (rows > 1)}" for rows in rows_of[:-1]] + [f"{widest} rows, of the ceiling"] +
            [f"{rows} from memory, GB/s" for rows in few])

    def cells(form):
        kernels = by_form[form]
        share = kernels[widest]["cached_ops_per_clock"] / kernels[widest]["ceiling_ops_per_clock"]
        return ([form] + [f"{kernels[rows]['cached_ops_per_clock']:.1f}" for rows in rows_of[:-1]] +
                [f"{kernels[widest]['cached_ops_per_clock']:.1f}, {share:.2f}"] +
                [f"{kernels[rows]['memory_bytes_per_s'] / 1e9:.1f}" for rows in few])

    where = (f"{bench['isa']}, one thread, {bench['clock_hz'] / 1e9:.2f} GHz, "
             f"a plain read {bench['read_bytes_per_s'] / 1e9:.1f} GB/s:")
    return where + "\n" + table(head, [cells(form) for form in forms])


def schemas_table(printed):
    """From what the test says of each draft."""
    said = re.compile(r"draft(\S+): (\d+) of (\d+) schemas enforced whole; of (\d+) instances that they rule out (\d+) can be "
                      r"written, of (\d+) others (\d+)")
    rows = [[draft, f"{whole} of {schemas}", f"{written} of {wrong}", f"{writable} of {right}"]
            for draft, whole, schemas, wrong, written, right, writable in said.findall(printed)]
    if not rows:
        sys.exit("figure_tables: the test names no draft; install json-schema-test-suite, or name it by PUNA_JSON_SCHEMA_SUITE")
    return table(["draft", "schemas enforced whole", "wrong instances that can be written", "right ones that can be written"], rows)


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"figure_tables: {' '.join(command)} ended with {done.returncode}")
    return done.stdout


def main():
    kind = sys.argv[1] if len(sys.argv) == 2 or sys.argv[1:2] == ["files"] else ""
    if kind == "weights":
        print(weights_table([json.loads(run([*BENCH, "--weights", weights])) for weights in ("w4a8", "w8a8", "bf16")]))
    elif kind == "files":
        print(files_table(sys.argv[2:]))
    elif kind == "kernels":
        print(kernels_table(json.loads(run(["puna", "bench", "kernels", "--isa", "avx2", "--rows", "1,2,4,8,16,96", "--json"]))))
    elif kind == "schemas":
        test = os.path.join(os.path.dirname(shutil.which("puna") or "build/release/puna"), "test_engine_grammar")
        # It fails where it counts otherwise than a document says, which is what is to be mended then.
        print(schemas_table(subprocess.run([test, "-tc=*test suite*", "--no-colors"], stdout=subprocess.PIPE, text=True).stdout))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
