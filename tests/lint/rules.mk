# lints: the sources, the manual pages and the daemon's symbols against each other

lint: $(BUILD)/turnpike
	@CC='$(CC)' tests/lint/run.sh $<

.PHONY: lint
