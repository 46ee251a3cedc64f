// puna bench: what this machine makes of a model, each figure beside its limit from the same run.
#pragma once

namespace puna::server {

// argv[0] is "bench". Prints a table or, with --json, one object. Returns the exit status.
int RunBench(int argc, char** argv);

}  // namespace puna::server
