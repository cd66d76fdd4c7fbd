// What a snapshot keeps of a shared folder: the files that the guest knows and has open, by their paths. A copy of the machine finds them again there,
// also in another folder with the same files.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <map>

#include "vmm/error.hpp"
#include "vmm/fs/server.hpp"

namespace eremite::vmm::fs {

namespace {

// Below the shared folder; empty: it has no name there any more. The folder itself is ".".
class Paths {
public:
    explicit Paths(const Share& share) : descriptors_{share.descriptors.get()}, root_{absolute(share.folder.get())} {}

    [[nodiscard]] std::string of(int descriptor) const {
        const auto attributes = attributes_of(descriptor);
        const std::string path = absolute(descriptor);
        if (!attributes.ok() || attributes.value().stx_nlink == 0) return {};
        if (path == root_) return ".";
        const std::string folder = root_ == "/" ? root_ : root_ + "/";
        return path.starts_with(folder) ? path.substr(folder.size()) : std::string{};
    }

private:
    [[nodiscard]] std::string absolute(int descriptor) const {
        std::array<char, PATH_MAX> path{};
        const ssize_t length = ::readlinkat(descriptors_, DescriptorName{descriptor}.text(), path.data(), path.size());
        return length > 0 ? std::string{path.data(), static_cast<size_t>(length)} : std::string{};
    }

    const int descriptors_;
    const std::string root_;
};

// By one name after the other, since what stands in a snapshot is foreign, too.
Result<UniqueFd> open_path(const EntryOpener& opener, int root, const std::string& path) {
    UniqueFd at;
    for (size_t begin = 0; begin <= path.size();) {
        const size_t end = std::min(path.find('/', begin), path.size());
        const std::string name = path.substr(begin, end - begin);
        if (name.empty() || name == ".." || (name == "." && path != ".")) return Error{EINVAL};
        at = TRY(opener.open(at ? at.get() : root, name.c_str(), O_PATH));
        begin = end + 1;
    }
    return at;
}

}  // namespace

void Inodes::save(StateWriter& state, const std::function<std::string(int)>& path_of) const {
    const auto path_of_entry = [&](const Entry& entry) {
        std::string below;
        const Entry* at = &entry;
        for (size_t steps = 0; !at->inode.descriptor && at->folder != 0 && steps < PATH_MAX; ++steps, at = &inodes_.at(at->folder)) below = at->name + (below.empty() ? "" : "/") + below;
        const std::string above = at->inode.descriptor ? path_of(at->inode.descriptor.get()) : std::string{};
        return above.empty() || below.empty() ? above : above == "." ? below : above + "/" + below;
    };
    state.add(last_number_);
    state.add<uint64_t>(inodes_.size() - 1);
    // Folders are known before what is in them, but for those that were moved.
    std::map<uint64_t, const Entry*> sorted;
    for (const auto& [number, entry] : inodes_) sorted.emplace(number, &entry);
    sorted.erase(FUSE_ROOT_ID);
    for (const auto& [number, known] : sorted) {
        const Entry& entry = *known;
        state.add(number);
        state.add(entry.inode.type);
        state.add(entry.inode.lookups);
        state.add(entry.folder);
        state.add_text(entry.name);
        state.add_text(path_of_entry(entry));
    }
}

// What is not there any more, or is something else, is unknown to whoever asks for it (ESTALE).
void Inodes::restore(StateReader& state) {
    last_number_ = state.take<uint64_t>();
    std::vector<std::pair<uint64_t, std::pair<uint64_t, std::string>>> places;
    for (auto left = state.take<uint64_t>(); left > 0; --left) {
        const auto number = state.take<uint64_t>();
        const auto type = state.take<uint32_t>();
        const auto lookups = state.take<uint64_t>();
        const auto folder = state.take<uint64_t>();
        std::string name = state.take_text();
        const std::string path = state.take_text();
        if (number <= FUSE_ROOT_ID || number > last_number_ || folder == number || folder > last_number_ || inodes_.contains(number) || inodes_.size() >= most_) throw vmm::Error{"the snapshot is damaged: a shared folder has impossible files"};
        Entry& entry = inodes_[number];
        entry.inode = {number, {}, type, lookups};
        if (path.empty()) continue;
        auto opened = open_path(opener_, inodes_.at(FUSE_ROOT_ID).inode.descriptor.get(), path);
        const auto attributes = opened.ok() ? attributes_of(opened.value().get()) : Result<Attributes>{Error{opened.code()}};
        if (!attributes.ok() || (attributes.value().stx_mode & S_IFMT) != type) continue;
        entry.identity = identity_of(attributes.value());
        take_descriptor(entry, std::move(opened).value());
        numbers_.emplace(entry.identity, number);
        // Only what has a place can be closed, where there are too many.
        if (inodes_.contains(folder)) set_place(entry, {folder, name});
        else if (folder != 0) places.push_back({number, {folder, std::move(name)}});
        begin_request();
    }
    for (const auto& [number, place] : places)
        if (const auto found = inodes_.find(number); found != inodes_.end() && found->second.inode.descriptor) set_place(found->second, {place.first, place.second});
    // Such as nobody knows and nothing is found in, as their place was lost.
    std::vector<uint64_t> unneeded;
    for (const auto& [number, entry] : inodes_)
        if (number != FUSE_ROOT_ID && entry.inode.lookups == 0 && entry.members == 0) unneeded.push_back(number);
    for (const uint64_t number : unneeded)
        if (const auto found = inodes_.find(number); found != inodes_.end()) erase_if_unneeded(&found->second);
}

void Handles::save(StateWriter& state, const std::function<std::string(int)>& path_of) const {
    state.add(last_number_);
    state.add<uint64_t>(handles_.size());
    for (const auto& [number, handle] : handles_) {
        const std::string path = path_of(handle.descriptor.get());
        if (path.empty()) throw vmm::Error{"the machine has a file of a shared folder open that has no name any more: a snapshot cannot keep it"};
        state.add(number);
        state.add(handle.kind);
        state.add<int32_t>(::fcntl(handle.descriptor.get(), F_GETFL));
        state.add_text(path);
    }
}

void Handles::restore(StateReader& state, const std::function<UniqueFd(const std::string&, int)>& open) {
    last_number_ = state.take<uint64_t>();
    for (auto left = state.take<uint64_t>(); left > 0; --left) {
        const auto number = state.take<uint64_t>();
        const auto kind = state.take<Handle::Kind>();
        const auto flags = state.take<int32_t>();
        const std::string path = state.take_text();
        if (number > last_number_ || handles_.size() >= most_) throw vmm::Error{"the snapshot is damaged: a shared folder has impossible open files"};
        handles_.emplace(number, Handle{open(path, flags), kind == Handle::Kind::Folder ? Handle::Kind::Folder : Handle::Kind::File, Handle::unknown});
    }
}

void Server::save(StateWriter& state) const {
    const Paths paths{share_};
    const auto path_of = [&paths](int descriptor) { return paths.of(descriptor); };
    state.begin("shared folder");
    state.add<uint8_t>(share_.initialized);
    share_.inodes.save(state, path_of);
    share_.handles.save(state, path_of);
}

void Server::restore(StateReader& state) {
    state.begin("shared folder");
    share_.initialized = state.take<uint8_t>() != 0;
    share_.inodes.restore(state);
    share_.handles.restore(state, [this](const std::string& path, int flags) {
        constexpr int kept = O_ACCMODE | O_APPEND | O_DIRECT | O_NOATIME | O_DIRECTORY | O_SYNC | O_DSYNC;
        auto found = open_path(EntryOpener{share_.folder.get()}, share_.folder.get(), path);
        const auto attributes = found.ok() ? attributes_of(found.value().get()) : Result<Attributes>{Error{found.code()}};
        const uint32_t type = attributes.ok() ? attributes.value().stx_mode & S_IFMT : 0;
        auto opened = type == S_IFREG || type == S_IFDIR ? share_.reopen(found.value().get(), flags & kept) : Result<UniqueFd>{Error{attributes.ok() ? EINVAL : attributes.code()}};
        if (!opened.ok()) {
            errno = opened.code();
            throw system_error("the machine has " + path + " of a shared folder open, which cannot be opened");
        }
        return std::move(opened).value();
    });
}

}  // namespace eremite::vmm::fs
