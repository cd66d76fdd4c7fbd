#pragma once
// A file system whose files are those of a 9P server. Of names and attributes nothing is cached: every operation asks the server, so that
// what others do is seen at once. What is kept is which inode stands for which file, and under which name it was found.
#include "libos/fs/inode.hpp"
#include "libos/fs/ninep/client.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "libos/fs/remote/file_system.hpp"

namespace eremite::fs::ninep {

class FileSystem final : public remote::FileSystem {
public:
    explicit FileSystem(remote::Transport& transport) : client_{transport} {}
    // Requires: its inodes have gone.
    ~FileSystem() = default;

    // Connects and gives the root directory; called once. ENOTSUP: the server does not speak 9P2000.L; EIO; ENOMEM.
    [[nodiscard]] Result<Ref<Inode>> start();
    [[nodiscard]] Result<FileSystemStatus> status() override;
    [[nodiscard]] Result<void> synchronize() override { return write_back_all(*this); }

    [[nodiscard]] Client& client() { return client_; }

private:
    Client client_;
    Ref<Fid> root_;
};

}  // namespace eremite::fs::ninep
