# tests/system: the real daemon on loopback

check-system: all $(fixture_plugins)
	tests/system/run.sh -b $(abspath $(BUILD))

.PHONY: check-system
