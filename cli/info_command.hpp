#pragma once
// `eremite info`: what an executable is, of what parts, and which of its system calls Eremite lacks.
#include <string>

namespace eremite::cli {

struct InfoOptions {
    std::string image;
    bool json = false;
};

// 0, also for an executable that cannot run; throws Failure for what is none.
int info_command(const InfoOptions& options);

}  // namespace eremite::cli
