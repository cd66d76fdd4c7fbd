// The fuzzer plays GDB: bytes as they are, packets that are well-formed, and stops of the machine between them.
#include <cstdlib>

#include "tests/unit/vmm_gdb/fake_target.hpp"

using namespace eremite::vmm::gdb;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // SAFETY: bytes as characters.
    std::string_view input{reinterpret_cast<const char*>(data), size};
    Conversation gdb;
    gdb.stub.take(packet_of("qSupported:swbreak+;hwbreak+"));
    while (!input.empty()) {
        const char how = input[0];
        input.remove_prefix(1);
        const std::string_view line = input.substr(0, input.find('\n'));
        input.remove_prefix(std::min(input.size(), line.size() + 1));
        if (how == '!') gdb.stub.take(line);
        else if (how == '.') gdb.stub.stopped({.reason = Stop::Reason::Stepped, .processor = line.size() % gdb.target.processors(), .address = 0});
        else if (how == '0') gdb.stub.disconnect(), gdb.stub.connect();
        else gdb.stub.take(packet_of(line));
        // What it says is well-formed, and no longer than agreed.
        PacketReader reader;
        for (const char byte : std::exchange(gdb.sent, {}))
            if (reader.take(byte) == PacketReader::Event::Damaged) std::abort();
        if (!gdb.target.actions.empty() && gdb.target.actions.size() != gdb.target.processors()) std::abort();
    }
    return 0;
}
