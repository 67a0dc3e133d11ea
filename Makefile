# One cargo profile, `release`, serves run, test, build, check and bench:
# whatever is compiled for one is there for the others.
.DEFAULT_GOAL := help
.PHONY: help run build test check fmt bench deps dist clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## show the product at work on this machine, without AWS
	@cargo run --release --locked -- dev

build: ## build target/release/sprout
	cargo build --release --locked

test: ## run every test; ARGS='name' runs those whose name contains it
	@scripts/test $(ARGS)

check: ## formatting, lints and documentation, warnings denied
	@scripts/check

fmt: ## format the source
	cargo fmt

bench: ## print calls, time and memory per turn, and how long changes and take-overs take
	cargo bench --profile release --locked --bench turns

deps: ## install what the tests need beside Rust
	@scripts/setup

dist: ## build target/dist/sprout, fully optimised
	cargo build --profile dist --locked --bin sprout

clean: ## remove what was built, the tests' tools and the demo's world
	cargo clean
	rm -rf .venv .dynalite .sprout
