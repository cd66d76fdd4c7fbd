#pragma once
// A folder of the host that goes with its object.
#include <cstdlib>
#include <filesystem>
#include <string>

namespace eremite::test {

class TemporaryFolder {
public:
    explicit TemporaryFolder(const std::string& where = "/tmp") : path_{where + "/eremite-ninep-XXXXXX"} {
        if (!::mkdtemp(path_.data())) std::abort();
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace eremite::test
