#pragma once
// `eremite volume create`: a file with an ext4 file system, for `eremite run --volume`.
#include <filesystem>
#include <string>

namespace eremite::cli {

struct VolumeOptions {
    std::filesystem::path file;
    std::string size;   // as the user typed it
    std::string label;  // empty: none
};

// Throws Failure: the file exists, the size or the label is wrong, or mke2fs is missing or fails; then there is no file.
int create_volume_command(const VolumeOptions& options);

}  // namespace eremite::cli
