#pragma once
// zlib and zstd between two open files.
#include <cstdio>

void zlib_compress(std::FILE* from, std::FILE* to, int level);
void zlib_restore(std::FILE* from, std::FILE* to);
void zstd_compress(std::FILE* from, std::FILE* to, int level);
void zstd_restore(std::FILE* from, std::FILE* to);
