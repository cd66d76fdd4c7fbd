#include "libos/ipc/named_pipe.hpp"

#include "base/list.hpp"
#include "libos/ipc/pipe_file.hpp"

namespace eremite::ipc {

namespace {

constexpr size_t capacity = 65536;

constinit sync::Spinlock names_lock{sync::Rank::FileTable};

struct NamedPipe final : PipeBuffer, ListNode<> {
    explicit NamedPipe(const fs::Inode& owner) : inode{&owner} {}
    ~NamedPipe() override;
    const fs::Inode* inode;
};

// Few are open at a time.
constinit List<NamedPipe> names;

NamedPipe::~NamedPipe() {
    const sync::Guard guard{names_lock};
    if (linked()) names.remove(*this);
}

Ref<PipeBuffer> find(const fs::Inode& inode) {
    const sync::Guard guard{names_lock};
    for (NamedPipe& pipe : names) {
        if (pipe.inode != &inode) continue;
        if (auto found = Ref<NamedPipe>::share_if_alive(&pipe)) return found;
    }
    return nullptr;
}

// The pipe of an inode, which may be a new one.
Result<Ref<PipeBuffer>> pipe_of(const fs::Inode& inode) {
    if (auto present = find(inode)) return present;
    Ref<NamedPipe> fresh = TRY(make_ref<NamedPipe>(inode));
    TRY(fresh->resize(capacity));
    // Released behind the lock.
    Ref<NamedPipe> other;
    const sync::Guard guard{names_lock};
    for (NamedPipe& pipe : names) {
        if (pipe.inode == &inode && (other = Ref<NamedPipe>::share_if_alive(&pipe))) return Ref<PipeBuffer>{other};
    }
    names.push_back(*fresh);
    return Ref<PipeBuffer>{std::move(fresh)};
}

}  // namespace

Result<void> PipeFile::wait_for_partner() {
    const sync::Guard guard{pipe_->lock};
    if (readable() && writable()) return {};
    const unsigned& partners = readable() ? pipe_->writers : pipe_->readers;
    const unsigned& opens = readable() ? pipe_->writer_opens : pipe_->reader_opens;
    if (partners != 0) return {};
    if (nonblocking()) {
        if (writable()) return Error{ENXIO};
        writers_seen_ = opens;
        return {};
    }
    const unsigned before = opens;
    while (opens == before)
        if (pipe_->waiting_openers.wait(pipe_->lock) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
    return {};
}

Result<Ref<fs::File>> open_named_pipe(Ref<fs::Inode> inode, uint32_t flags) {
    Ref<PipeBuffer> pipe = TRY(pipe_of(*inode));
    Ref<PipeFile> file = TRY(make_ref<PipeFile>(std::move(pipe), flags, std::move(inode), 0U));
    TRY(file->wait_for_partner());
    return Ref<fs::File>{std::move(file)};
}

}  // namespace eremite::ipc
