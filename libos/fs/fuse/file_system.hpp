#pragma once
// A file system whose files are those of a FUSE server, such as a virtio-fs device's. For how long what it tells may be believed,
// the server says.
#include "libos/fs/fuse/client.hpp"
#include "libos/fs/inode.hpp"
#include "libos/fs/remote/file_system.hpp"

namespace eremite::fs::fuse {

class FileSystem final : public remote::FileSystem {
public:
    explicit FileSystem(remote::Transport& transport) : client_{transport} {}
    // Requires: its inodes have gone.
    ~FileSystem() = default;

    // Connects and gives the root directory; called once. ENOTSUP: the server is too old; EIO; ENOMEM.
    [[nodiscard]] Result<Ref<Inode>> start();
    [[nodiscard]] Result<FileSystemStatus> status() override;
    [[nodiscard]] Result<void> synchronize() override;

    [[nodiscard]] Client& client() { return client_; }

private:
    Client client_;
};

}  // namespace eremite::fs::fuse
