#include "vmm/fs/handles.hpp"

#include <cerrno>

namespace eremite::vmm::fs {

Result<uint64_t> Handles::add(UniqueFd descriptor, Handle::Kind kind) {
    TRY(check_room());
    handles_.emplace(++last_number_, Handle{std::move(descriptor), kind});
    return last_number_;
}

Result<Handle*> Handles::find(uint64_t number, Handle::Kind kind) {
    const auto found = handles_.find(number);
    if (found == handles_.end() || found->second.kind != kind) return Error{EBADF};
    return &found->second;
}

Result<int> Handles::file(uint64_t number) { return TRY(find(number, Handle::Kind::File))->descriptor.get(); }

Result<void> Handles::close(uint64_t number, Handle::Kind kind) {
    TRY(find(number, kind));
    handles_.erase(number);
    return {};
}

}  // namespace eremite::vmm::fs
