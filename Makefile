# pg_governor: build, install and check with PGXS.  "make help" lists what there is.

EXTENSION   = pg_governor
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)
MODULE_big  = $(EXTENSION)
OBJS        = $(patsubst %.c,%.o,$(wildcard src/*.c src/*/*.c))
DATA        = $(wildcard sql/$(EXTENSION)--*.sql)
PGFILEDESC  = "pg_governor - governs the sessions of serverless functions"
PG_CPPFLAGS = -I$(srcdir)/src -DEXT_VERSION=\"$(EXTVERSION)\"

REGRESS        = install settings classify policy policy_evidence policy_rows policy_settings breaker views privileges rights reclaim
REGRESS_OPTS   = --temp-instance=tmp_check_regress --temp-config=$(srcdir)/test/regress.conf
ISOLATION      = install reclaim_idle reclaim_busy edits own_edits reload_locked
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation \
                 --temp-instance=tmp_check_iso --temp-config=$(srcdir)/test/regress.conf \
                 --temp-config=$(srcdir)/test/isolation/isolation.conf
TAP_TESTS      = 1
PROVE_TESTS   ?= test/t/*.pl
EXTRA_CLEAN    = tmp_check_regress tmp_check_iso tmp_check output_iso

PG_CONFIG ?= pg_config

# Refuse an old server before the compiler drowns the reason in errors.
PG_MAJOR := $(shell $(PG_CONFIG) --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
ifeq ($(PG_MAJOR),)
$(error pg_governor: "$(PG_CONFIG)" is no pg_config; install the server's development package (Debian: postgresql-server-dev-15) or set PG_CONFIG)
endif
ifeq ($(shell test $(PG_MAJOR) -ge 15 && echo yes),)
$(error pg_governor needs PostgreSQL 15 or newer; $(PG_CONFIG) is of PostgreSQL $(PG_MAJOR); set PG_CONFIG to the pg_config of a newer server)
endif

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The server's own headers have unused parameters, and so has every hook and callback.
override CFLAGS += -Wno-unused-parameter
ifneq ($(findstring clang,$(CC)),)
# The server was built with gcc; its flags and the attributes in its headers are gcc's.
override CFLAGS += -Wno-ignored-optimization-argument -Wno-unknown-warning-option -Wno-ignored-attributes
endif

$(OBJS) $(OBJS:.o=.bc): $(wildcard src/*.h src/*/*.h)	# PGXS tracks no header changes by itself

.PHONY: help unit lint check-symbols dist

help:
	@echo "make, make install        build and install for the server of PG_CONFIG"
	@echo "make installcheck         SQL, isolation and TAP tests on throw-away clusters (scripts/test does all the set-up)"
	@echo "make unit                 unit tests of src/core, no server needed"
	@echo "make lint                 layers, symbols, versions, docs"
	@echo "make dist                 a zip for PGXN"

unit:
	$(MAKE) -C $(srcdir)/test/unit check

lint:
	$(srcdir)/scripts/lint

# Everything that the library exports carries our prefix.
check-symbols: $(shlib)
	@! nm -D --defined-only $(shlib) | awk '{print $$3}' | \
	  grep -vE '^(gov_|pg_finfo_gov_|_PG_init$$|Pg_magic_func$$)' && echo "exported symbols ok"

dist:
	git archive --format=zip --prefix=$(EXTENSION)-$(EXTVERSION)/ -o $(EXTENSION)-$(EXTVERSION).zip HEAD
