#include "libos/init/network/name_files.hpp"

#include "base/format.hpp"
#include "libos/fs/path.hpp"
#include "libos/network/address_text.hpp"

namespace eremite::init {

namespace {

Result<void> make_file(fs::Inode& directory, std::string_view name, std::string_view text) {
    if (directory.lookup(name).ok()) return {};
    const Ref<fs::Inode> file = TRY(directory.create(name, {.mode = S_IFREG | 0644}));
    auto buffer = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    uint64_t position = 0;
    TRY(file->write(position, buffer, false));
    return {};
}

}  // namespace

Result<void> make_name_files(const fs::Context& context, std::string_view host_name, std::string_view domain, std::span<const net::IpAddress> servers) {
    fs::Location etc = TRY(fs::walk(context, context.root(), "/etc"));
    if (!etc.inode) etc.inode = TRY(context.root()->create_directory("etc", 0755));
    char text[512];
    {
        BufferSink hosts{text};
        format(hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n");
        if (!host_name.empty()) format(hosts, "127.0.1.1\t{}\n", host_name);
        TRY(make_file(*etc.inode, "hosts", hosts.view()));
    }
    if (servers.empty()) return {};
    BufferSink resolver{text};
    if (!domain.empty()) format(resolver, "search {}\n", domain);
    for (const net::IpAddress& server : servers) format(resolver, "nameserver {}\n", network::AddressText{server}.view());
    return make_file(*etc.inode, "resolv.conf", resolver.view());
}

}  // namespace eremite::init
