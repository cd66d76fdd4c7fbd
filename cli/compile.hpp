#pragma once
// Makes an image from sources with the compiler wrappers that stand beside this command.
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eremite::cli {

enum class SourceLanguage { C, Cxx, Fortran };

// By the file name's extension (.c .cc .cpp .cxx .C .c++ .f .f77 .f90 .f95 .f03 .f08 .for, Fortran also in capitals). Throws Failure (2)
// for another.
SourceLanguage language_of(const std::filesystem::path& source);
// Whether language_of knows the extension.
bool is_source(const std::filesystem::path& path);

// Compiles and links. `flags` go to the compilers and to the linker. Throws Failure: 127 when a source or compiler is missing, 125 when one
// failed (it has said why).
void build_image(std::span<const std::string> sources, const std::filesystem::path& image, std::span<const std::string> flags);

// The image of a single source, from the cache when neither the source nor a header it includes nor the wrapper is newer; else built anew.
std::filesystem::path cached_image(const std::filesystem::path& source);

}  // namespace eremite::cli
