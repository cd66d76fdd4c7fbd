#pragma once
// `eremite build`: an image from sources.
#include <string>
#include <vector>

namespace eremite::cli {

struct BuildOptions {
    std::vector<std::string> sources;
    std::string image;
    std::vector<std::string> flags;  // for the compilers and the linker
};

int build_command(const BuildOptions& options);

}  // namespace eremite::cli
