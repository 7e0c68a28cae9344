# man: pages are written by hand; "make install" installs them

lint-man:
	@tests/lint/pages.sh
	@tests/lint/man.sh

.PHONY: lint-man
