# Thin on purpose: each target is one or two commands of CMake, CTest or puna, which work without make just as well.
# ARGS goes to the program that the target runs: make serve ARGS="--model ~/models/Llama-3.2-3B-Instruct --port 9000"
ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help build serve bench test asan tsan arm64 fuzz soak check format tidy clean

help:  ## this list
	@echo "On a bare Debian or Ubuntu, docker/install.sh first: it installs what the build needs."
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 - /p' Makefile
	@echo 'ARGS="..." goes to the program: make serve ARGS="--model /path/to/Llama-3.2-3B-Instruct"'

build: build/release/build.ninja  ## build/release/puna
	@cmake --build --preset release --target puna

serve: build  ## build, then serve the built-in demo model on 127.0.0.1:8080
	@build/release/puna serve $(ARGS)

bench: build  ## measure prefill, decode and memory, beside what this machine could do
	@build/release/puna bench $(ARGS)

test: build/release/build.ninja  ## build everything and run all tests
	@cmake --build --preset release
	@ctest --preset release -j 2 $(ARGS)

asan: build/asan/build.ninja  ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@cmake --build --preset asan
	@ctest --preset asan $(ARGS)

tsan: build/tsan/build.ninja  ## the unit tests of the rooms with threads under ThreadSanitizer (clang)
	@cmake --build --preset tsan
	@ctest --preset tsan $(ARGS)

arm64: build/arm64-sysroot build/arm64/build.ninja  ## the kernels, cross-compiled for ARM64 and tested under qemu (docker/install.sh --arm64)
	@cmake --build --preset arm64
	@ctest --preset arm64 $(ARGS)

build/arm64-sysroot:
	@docker/arm64_sysroot.sh $@

fuzz: build/fuzz/build.ninja  ## the parsers of foreign bytes under libFuzzer, 10 seconds each (ARGS="--seconds 300" for more)
	@cmake --build --preset fuzz
	@python3 -B tests/fuzz/run.py $(ARGS)

soak: build  ## mixed traffic for half an hour, then a verdict (ARGS="--minutes 5" for less)
	@python3 -B tests/integration/soak.py $(ARGS)

check:  ## format, structure, clang's warnings with thread safety as errors, clang-tidy on what changed
	@.ci/check $(ARGS)

format:  ## clang-format on every source file
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

tidy: build/tsan/build.ninja  ## clang-tidy on every source file
	@git ls-files '*.cc' | xargs -P 2 -n 4 clang-tidy --quiet -p build/tsan

clean:  ## remove all builds; oneDNN stays in its cache
	@rm -rf build

build/%/build.ninja:
	@cmake --preset $*
