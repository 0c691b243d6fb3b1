# The two commands: `make run` shows it, `make test` checks it. Both install the Debian packages that they lack.

SEEDS ?= 20000
T ?= 600
PRESET ?= asan
PACKETDRILL ?= packetdrill

.DEFAULT_GOAL := help
.PHONY: help run test claims mutants sim fuzz bench bench-path bench-inspect build cross-drill pictures tidy format clean
.PHONY: deps-build deps-run deps-inspect deps-claims deps-test deps-cross deps-fuzz deps-bench deps-tidy deps-format

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

run: deps-run ## The tour: connections between kernel programs and lastack, both ends' states side by side
	@scripts/build.sh release lastack_tool
	@build/release/lastack tour $(ARGS)

test: deps-test ## Everything that checks lastack; ends with "N passed, N failed"
	@python3 scripts/test.py $(ARGS)

claims: deps-claims ## What people say about TCP's states, on the stack and on the kernel, as one table
	@scripts/build.sh release lastack_tool
	@python3 scripts/claims.py build/release/lastack $(ARGS)

sim: deps-test ## The simulator over SEEDS=20000 seeds, with PRESET=asan
	@scripts/build.sh $(PRESET)
	@LASTACK_SEEDS=$(SEEDS) ctest --test-dir build/$(PRESET) -L '^sim$$' --timeout 86400 --verbose

fuzz: deps-fuzz ## Every fuzz target for T=600 seconds
	@scripts/build.sh fuzz
	@python3 scripts/fuzz.py $(T)

bench: deps-bench ## Speed and size, with lwIP beside it
	@scripts/build.sh release bench
	@scripts/bench.sh $(ARGS)

bench-path: deps-build ## Goodput beside the kernel's, over emulated roads; ARGS=--quick for a dozen of them
	@scripts/build.sh release bench_path
	@build/release/bench-path $(ARGS)

bench-inspect: deps-inspect ## ls, why and watch over 100,000 sockets, with ss beside them
	@scripts/build.sh release lastack_tool
	@python3 scripts/bench-inspect.py $(ARGS) build/release/lastack

build: deps-build ## The library and the command, in build/release
	@scripts/build.sh release

mutants: deps-test ## Faults put into the stack one at a time: do the tests notice?
	@python3 scripts/mutants.py $(ARGS)

cross-drill: deps-claims ## Scripts of DIR=PATH with the original packetdrill (PACKETDRILL=PATH) on the stack, too
	@scripts/build.sh release lastack_tool lastack_packetdrill
	@python3 scripts/cross-drill.py build/release/lastack build/release/liblastack-packetdrill.so "$(PACKETDRILL)" "$(DIR)"

pictures: deps-build ## Draws the pictures in doc/ again: look at them, then commit them
	@scripts/build.sh release lastack_tool
	@scripts/pictures.sh build/release/lastack

tidy: deps-tidy ## clang-tidy over everything
	@scripts/tidy.sh

format: deps-format ## clang-format over everything
	@find src include tests tool plugin bench examples -name '*.[ch]' | xargs clang-format -i

clean: ## Removes build/
	rm -rf build

deps-build deps-run deps-inspect deps-claims deps-test deps-cross deps-fuzz deps-bench deps-tidy deps-format: deps-%:
	@scripts/deps.sh $*
