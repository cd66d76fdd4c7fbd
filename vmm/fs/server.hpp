#pragma once
// A FUSE server for one folder of the host and one guest, in which nothing that the guest says is believed. Version 7.31 of the protocol and
// what later versions add in operations; locks stay the guest's own, as it is the only one.
#include <string>

#include "vmm/descriptor_limit.hpp"
#include "vmm/fs/share.hpp"
#include "vmm/sandbox/needs.hpp"

namespace eremite::vmm::fs {

class Server {
public:
    // To be made by the process that serves, not by one that forks later. `descriptors`: how many that can have open. Throws vmm::Error: the folder
    // cannot be shared.
    Server(const std::string& folder, bool read_only, size_t descriptors = raise_descriptor_limit()) : share_{folder, read_only, descriptors}, body_(most_body) {}

    // Answers one request, within the calling thread, which becomes one that works on files for guests (thread.hpp). `readable` has the
    // request, `writable` gets its reply. Returns how many bytes that has: 0 if there is none, or no room for its header.
    [[nodiscard]] uint32_t serve(std::span<const iovec> readable, std::span<const iovec> writable);
    // The guest has gone: it knows no file any more, and has none open.
    void forget_all();

    // What it asks of the host's kernel.
    void list_needs(sandbox::Needs& needs) const;

    [[nodiscard]] const Share& share() const { return share_; }

private:
    // Of a request, but the data of a write: those that are longest set an extended attribute, or give up very many files.
    static constexpr size_t most_body = 128 << 10;

    [[nodiscard]] Result<void> run(const fuse_in_header& header, std::span<const iovec> readable, Reply& reply);
    [[nodiscard]] Result<void> initialize(Request& request, Reply& reply);

    Share share_;
    std::vector<std::byte> body_;
};

}  // namespace eremite::vmm::fs
