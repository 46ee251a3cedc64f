# Thin on purpose: each target is one or two commands of CMake, CTest or puna, which work without make just as well.
# ARGS goes to the program that the target runs: make serve ARGS="--model ~/models/Llama-3.2-3B-Instruct --port 9000"
ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help build serve package bench test asan tsan arm64 fuzz kills soak figures screenshots check format tidy clean

help:  ## this list
	@echo "On a bare Debian or Ubuntu, docker/install.sh first: it installs what the build needs."
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 - /p' Makefile
	@echo 'ARGS="..." goes to the program: make serve ARGS="--model /path/to/Llama-3.2-3B-Instruct"'

build: build/release/build.ninja  ## build/release/puna
	@cmake --build --preset release --target puna

serve: build  ## build, then serve the built-in demo model on 127.0.0.1:8080
	@build/release/puna serve $(ARGS)

package: build  ## a .deb and a .tar.gz in build/release/package, for this Debian or Ubuntu and later ones
	@cmake --build --preset release --target package_files
	@cd build/release && cpack

bench: build  ## measure prefill, decode and memory, beside what this machine could do
	@build/release/puna bench $(ARGS)

test: build/release/build.ninja  ## build everything and run all tests
	@cmake --build --preset release
	@ctest --preset release -j 2 $(ARGS)

asan: build/asan/build.ninja  ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer (clang)
	@cmake --build --preset asan
	@ctest --preset asan -j 2 $(ARGS)

tsan: build/tsan/build.ninja  ## the unit tests of the rooms with threads under ThreadSanitizer (clang)
	@cmake --build --preset tsan
	@ctest --preset tsan -j 2 $(ARGS)

arm64: build/arm64-sysroot build/arm64/build.ninja  ## the kernels, cross-compiled for ARM64 and tested under qemu (docker/install.sh --arm64)
	@cmake --build --preset arm64
	@ctest --preset arm64 $(ARGS)

build/arm64-sysroot:
	@docker/arm64_sysroot.sh $@

fuzz: build/asan/build.ninja  ## the parsers of foreign bytes under libFuzzer, 10 seconds each (ARGS="--seconds 300" for more)
	@cmake --build --preset fuzz
	@python3 -B tests/fuzz/run.py $(ARGS)

kills: build  ## a server with a KV cache on disk killed 500 times under load, its answers beside cold ones (PUNA_KILLS=50 for fewer)
	@cd tests/integration && PUNA_KILLS=$${PUNA_KILLS:-500} python3 -B -m unittest -v \
	  test_disk_cache.DiskCache.test_killed_at_random_moments_under_load

soak: build  ## mixed traffic for half an hour, then a verdict (ARGS="--minutes 5" for less)
	@python3 -B tests/integration/soak.py $(ARGS)

figures: build  ## run the commands that documents name for their tables, and write what they print (ARGS="rounding" for some)
	@cmake --build --preset release --target test_engine_grammar
	@python3 -B tests/figures.py . $(ARGS)

screenshots: build  ## pictures of the page for the README (docker/install.sh --browser)
	@python3 -B tests/integration/page_screenshots.py server/page/screenshots

check:  ## format, structure, clang's warnings with thread safety as errors, clang-tidy on what changed
	@.ci/check $(ARGS)

format:  ## clang-format on every source file, and documents' paragraphs in lines of 132
	@git ls-files '*.cc' '*.h' | xargs clang-format -i
	@git ls-files '*.md' | xargs python3 -B tests/documents.py --wrap

tidy: build/tidy/build.ninja  ## clang-tidy on every source file
	@git ls-files '*.cc' | xargs -P 2 -n 4 clang-tidy --quiet -p build/tidy

clean:  ## remove all builds; oneDNN stays in its cache
	@rm -rf build

build/%/build.ninja:
	@cmake --preset $*
