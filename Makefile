# Builds with Cargo, and installs for C and C++ programs:
#
#     make
#     sudo make install        # to PREFIX=/usr/local; make uninstall removes it
#
# `make lib` and `make install-lib` are for the library only. Installing builds only what is missing or
# older than its source, so that root needs no Cargo. This needs GNU make and a system with ELF files;
# on other systems use `cargo cinstall`.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

# `make FEATURES=` needs fewer crates and works with an older compiler.
FEATURES = fast-crc fast-gzip
# To build for another system, set its TARGET, a STRIP for its files, and a TFR_INDEX that runs here.
TARGET = $(CARGO_BUILD_TARGET)
STRIP ?= strip
TFR_INDEX = $(OUT)/tfr-index
# The system libraries that the static library needs. (It also needs libgcc_s, or libgcc_eh with
# `-static`; compilers add these.)
SYSTEM_LIBS = -lutil -lrt -lpthread -lm -ldl

CARGO ?= cargo
CARGO_TARGET_DIR ?= target
OUT = $(CARGO_TARGET_DIR)/$(if $(TARGET),$(TARGET)/)release
# Panics name their source files. Remove the build machine's directories from these names. (Cargo reads
# `build.rustflags` only if RUSTFLAGS is not set.)
CARGO_HOME ?= $(HOME)/.cargo
REMAP = --remap-path-prefix=$(CARGO_HOME)=cargo
REMAP_ROOT = --remap-path-prefix=$(CURDIR)=tfr-index
BUILD = $(if $(RUSTFLAGS),RUSTFLAGS='$(RUSTFLAGS) $(REMAP) $(REMAP_ROOT)') $(CARGO) build --release \
	--locked --config 'build.rustflags=["$(REMAP)", "$(REMAP_ROOT)"]' \
	--target-dir '$(CARGO_TARGET_DIR)' $(if $(TARGET),--target $(TARGET))
LIBRARIES = $(OUT)/libtfr_index.so $(OUT)/libtfr_index.a
PROGRAMS = $(OUT)/tfr-index
SOURCES = Cargo.toml Cargo.lock build.rs $(shell find src -name '*.rs')

# libtfr_index.so.1.2.3 is version x.2.3 of the package with version 1 of the ABI.
VERSION := $(shell sed -n '/^version = /{ s/.*"\(.*\)".*/\1/p; q; }' Cargo.toml)
ABI := $(shell sed -n 's/.*define TFR_ABI_VERSION //p' include/tfr_index.h)
SONAME = libtfr_index.so.$(ABI)
SHARED = $(SONAME)$(suffix $(basename $(VERSION)))$(suffix $(VERSION))

# Forms of a directory: absolute (clean); relative to the prefix, such as "lib", or "|/usr/lib" if it is
# outside (below); for pkg-config (pc).
space := $() $()
clean = $(patsubst %/,%,$(subst //,/,$(if $(filter /%,$(firstword $(1))),,$(CURDIR)/)$(1)/))
below = $(subst |$(call clean,$(PREFIX))/,,|$(call clean,$(1)))
escaped = $(subst $(space),\$(space),$(1))
pc = $(call escaped,$(subst $${prefix}/|,,$${prefix}/$(below)))
# The CMake package must work after the prefix is moved, so it has a relative path from the libraries to
# the headers.
up = $(subst $(space),,$(patsubst %,/..,$(subst /, ,$(call below,$(LIBDIR)))))
cmake_include = $(if $(findstring |,$(call below,$(LIBDIR))$(call below,$(INCLUDEDIR))),$\
	$(call clean,$(INCLUDEDIR)),$${_tfr_index_lib}$(up)/$(call below,$(INCLUDEDIR)))
# Generated files are readable for everybody, like installed ones.
GENERATE = umask 022; $(TFR_INDEX) generate
fill = s|@$(1)@|$(subst |,\|,$(subst &,\&,$(subst \,\\,$(2))))|;
FILL_IN = umask 022; sed '$(call fill,VERSION,$(VERSION)) $(call fill,SONAME,$(SONAME)) \
	$(call fill,SHARED,$(SHARED)) $(call fill,SYSTEM_LIBS,$(SYSTEM_LIBS)) \
	$(call fill,PREFIX,$(call escaped,$(call clean,$(PREFIX)))) \
	$(call fill,LIBDIR,$(call pc,$(LIBDIR))) \
	$(call fill,INCLUDEDIR,$(call pc,$(INCLUDEDIR))) \
	$(call fill,CMAKE_INCLUDE,$(cmake_include))'

bin = "$(DESTDIR)$(PREFIX)/bin"
include = "$(DESTDIR)$(INCLUDEDIR)"
lib = "$(DESTDIR)$(LIBDIR)"
pkgconfig = $(lib)/pkgconfig
cmake = $(lib)/cmake/tfr_index
share = "$(DESTDIR)$(PREFIX)/share"
man = $(share)/man/man1
bash = $(share)/bash-completion/completions
zsh = $(share)/zsh/site-functions
fish = $(share)/fish/vendor_completions.d

.PHONY: all lib install install-cli install-lib install-s3-cli uninstall uninstall-s3-cli wheels
# One Cargo at a time: otherwise one replaces a library while make installs it.
.NOTPARALLEL:

# (Cargo keeps the old date of files that it need not rebuild.)
all:
	$(BUILD) --features '$(if $(filter-out $(FEATURES),fast-crc fast-gzip),programs $(FEATURES),cli)'
	touch -c $(PROGRAMS) $(LIBRARIES)

lib:
	$(BUILD) --lib --features '$(FEATURES)'
	touch -c $(LIBRARIES)

$(PROGRAMS): $(SOURCES)
	$(MAKE) all

$(LIBRARIES): $(SOURCES)
	$(MAKE) lib

# Programs first: building them also builds the libraries.
install: install-cli install-lib

install-lib: $(LIBRARIES)
	install -d $(include) $(pkgconfig) $(cmake)
	install -m 644 include/tfr_index.h include/tfr_index.hpp $(include)
	install -m 755 $(OUT)/libtfr_index.so $(lib)/$(SHARED)
	ln -sf $(SHARED) $(lib)/$(SONAME)
	ln -sf $(SHARED) $(lib)/libtfr_index.so
	install -m 644 $(OUT)/libtfr_index.a $(lib)
	$(STRIP) -g $(lib)/libtfr_index.a
	$(FILL_IN) bindings/pkgconfig/tfr_index.pc.in > $(pkgconfig)/tfr_index.pc
	$(FILL_IN) bindings/cmake/tfr_indexConfig.cmake.in > $(cmake)/tfr_indexConfig.cmake
	$(FILL_IN) bindings/cmake/tfr_indexConfigVersion.cmake.in > $(cmake)/tfr_indexConfigVersion.cmake

install-cli: $(PROGRAMS)
	install -d $(bin) $(man) $(bash) $(zsh) $(fish)
	install -m 755 $(PROGRAMS) $(bin)
	$(GENERATE) man $(man)
	$(GENERATE) completions bash > $(bash)/tfr-index
	$(GENERATE) completions zsh > $(zsh)/_tfr-index
	$(GENERATE) completions fish > $(fish)/tfr-index.fish

# Only on request: s3dlio itself may have installed a program of this name.
$(OUT)/s3-cli: $(SOURCES)
	$(BUILD) --features s3-cli
	touch -c $@

install-s3-cli: $(OUT)/s3-cli
	install -d $(bin)
	install -m 755 $(OUT)/s3-cli $(bin)

uninstall-s3-cli:
	rm -f $(bin)/s3-cli

uninstall:
	rm -f $(include)/tfr_index.h $(include)/tfr_index.hpp $(lib)/libtfr_index.a \
		$(lib)/libtfr_index.so $(lib)/$(SONAME) $(lib)/$(SONAME).* \
		$(pkgconfig)/tfr_index.pc $(cmake)/tfr_indexConfig.cmake $(cmake)/tfr_indexConfigVersion.cmake \
		$(bin)/tfr-index $(man)/tfr-index.1 $(man)/tfr-index-*.1 \
		$(bash)/tfr-index $(zsh)/_tfr-index $(fish)/tfr-index.fish
	rmdir $(cmake) 2> /dev/null || true

# Wheels for other machines: see tests/packages/wheels.py in the repository.
wheels:
	python3 tests/packages/wheels.py '$(CARGO_TARGET_DIR)/dist'
