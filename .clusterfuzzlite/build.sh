#!/bin/bash -eu
# Builds the targets for ClusterFuzzLite and OSS-Fuzz, with their seeds and dictionaries.
cd "$SRC/lockstep"
cargo fuzz build -O --debug-assertions
for target in $(cargo fuzz list | grep -v '^canary$'); do
    cp "fuzz/target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    if [ -d "fuzz/corpus/$target" ]; then
        zip -q -j -r "$OUT/${target}_seed_corpus.zip" "fuzz/corpus/$target"
    fi
    if [ -f "fuzz/dictionaries/$target.dict" ]; then
        cp "fuzz/dictionaries/$target.dict" "$OUT/"
    fi
done
