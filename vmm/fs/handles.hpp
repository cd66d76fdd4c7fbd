#pragma once
// What the guest has open, by numbers of ours, which are never used again.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "vmm/fs/result.hpp"
#include "vmm/snapshot/state.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm::fs {

struct Handle {
    enum class Kind : uint8_t { File, Folder };
    static constexpr uint64_t unknown = UINT64_MAX;

    UniqueFd descriptor;
    Kind kind;
    // Of a folder: where its listing goes on without being told.
    uint64_t position = 0;
};

class Handles {
public:
    // `most`: how many there can be.
    explicit Handles(size_t most) : most_{most} {}

    // ENFILE: there are too many.
    [[nodiscard]] Result<void> check_room() const { return handles_.size() < most_ ? Result<void>{} : Error{ENFILE}; }
    [[nodiscard]] Result<uint64_t> add(UniqueFd descriptor, Handle::Kind kind);
    // EBADF: there is none of that number and kind.
    [[nodiscard]] Result<Handle*> find(uint64_t number, Handle::Kind kind);
    // The same for the descriptor of a file.
    [[nodiscard]] Result<int> file(uint64_t number);
    [[nodiscard]] Result<void> close(uint64_t number, Handle::Kind kind);
    void close_all() { handles_.clear(); }
    // For a snapshot, as Inodes have it; `open` opens a path with these flags, or throws vmm::Error, as save() does for a file without a name.
    void save(StateWriter& state, const std::function<std::string(int descriptor)>& path_of) const;
    void restore(StateReader& state, const std::function<UniqueFd(const std::string& path, int flags)>& open);
    [[nodiscard]] size_t size() const { return handles_.size(); }

private:
    const size_t most_;
    uint64_t last_number_ = 0;
    std::unordered_map<uint64_t, Handle> handles_;
};

}  // namespace eremite::vmm::fs
