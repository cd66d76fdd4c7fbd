#pragma once
// A folder to be shared, beside one that must stay as it is.
#include <filesystem>
#include <string>

namespace eremite::test {

class World {
public:
    World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    [[nodiscard]] const std::filesystem::path& shared() const { return shared_; }
    // Makes the shared folder anew, with files, folders, and links that lead outside.
    void restore();
    // All that can be known of what is outside, but times of access.
    [[nodiscard]] std::string outside() const;

private:
    std::filesystem::path base_, shared_, outside_;
};

}  // namespace eremite::test
