// /dev/vsock (vsock(7)).
#include <sys/ioctl.h>

#include "libos/fs/dev/memory_devices.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/socket/vsock/vsock_socket.hpp"
#include "libos/socket/vsock_sockets.hpp"

namespace eremite::socket {

namespace {

class VsockFile final : public fs::dev::NullFile {
public:
    using NullFile::NullFile;
    [[nodiscard]] Result<size_t> read(fs::IoBuffer&) override { return Error{EINVAL}; }
    [[nodiscard]] Result<size_t> write(fs::IoBuffer&) override { return Error{EINVAL}; }
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override {
        if (request != IOCTL_VM_SOCKETS_GET_LOCAL_CID) return Error{ENOTTY};
        uint32_t number = VMADDR_CID_LOCAL;
        {
            const sync::Guard guard{vsock::machine().lock};
            vsock::machine().start();
            if (const uint32_t known = vsock::machine().endpoint.cid(); known != VMADDR_CID_ANY) number = known;
        }
        TRY(mm::UserPtr<uint32_t>{VirtualAddress{argument}}.store(number));
        return 0L;
    }
};

}  // namespace

Result<Ref<fs::File>> open_vsock_device(Ref<fs::Inode> node, uint32_t flags) { return Ref<fs::File>{TRY(make_ref<VsockFile>(std::move(node), flags))}; }

}  // namespace eremite::socket
