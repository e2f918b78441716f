# One command brings the platform to life: `make up`. `make help` lists the rest.
PYTHON ?= python3
BOOTSTRAP := $(PYTHON) -m deploy.local.bootstrap
NAME ?= ingest
export PORT_BASE DEMO FORCE WORKERS

.DEFAULT_GOAL := help
.PHONY: up down status logs reset doctor rotate-keys routes check test test-long faults bench fuzz replay simulate decode-jt808 help

up: ## start everything and wait until it is healthy (PORT_BASE=18700, DEMO=0 without demo fleet)
	@$(BOOTSTRAP) up

down: ## end every process; data stays
	@$(BOOTSTRAP) down

status: ## what runs, since when, how healthy
	@$(BOOTSTRAP) status

logs: ## follow the logs (PROCESS=registry-api for one)
	@$(BOOTSTRAP) logs $(PROCESS)

reset: ## end everything and delete database, secrets and logs (asks; FORCE=1 does not)
	@$(BOOTSTRAP) reset

doctor: ## probe machine and platform: ports, versions, permissions, secrets, broker, clock, disk
	@$(BOOTSTRAP) doctor

rotate-keys: ## a new key for personal values; the old one is dropped when nothing is under it
	@$(BOOTSTRAP) rotate-keys

routes: ## regenerate the edge's routing table and docs/openapi from the services
	@$(BOOTSTRAP) routes

check: ## lint, format, types, import contracts, generated files
	@$(BOOTSTRAP) check

test: ## every test, on databases, brokers and edges of their own (ARGS='-k words')
	@$(BOOTSTRAP) test $(ARGS)

test-long: ## the long forms too: the whole recorded hour, long random histories
	@FREIGHT_LONG=1 $(BOOTSTRAP) test $(ARGS)

faults: ## the fault and load runs alone, in full form: kills, ten thousand sockets, backlogs, a full disk
	@FREIGHT_LONG=1 WORKERS=1 $(BOOTSTRAP) test tests/faults $(ARGS)

bench: ## one benchmark (NAME=ingest); the last line is JSON
	@$(BOOTSTRAP) bench $(NAME) $(ARGS)

fuzz: ## ten minutes of fuzzing of what reads terminals' bytes (ARGS='--seconds 60'); by coverage with atheris
	@$(BOOTSTRAP) fuzz $(ARGS)

replay: ## publish a csv(.gz) of positions as real terminals (FILE=…)
	@$(BOOTSTRAP) replay "$(FILE)" $(ARGS)

simulate: ## N terminals with what goes wrong in the field, every fix accounted for (MINUTES, RATE, FAULTS)
	@$(BOOTSTRAP) simulate $(N) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE)) \
		$(if $(FAULTS),--faults $(FAULTS)) $(ARGS)

decode-jt808: ## JT/T 808 frames from standard input (hex or bytes), one JSON line a message
	@$(BOOTSTRAP) decode-jt808

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
