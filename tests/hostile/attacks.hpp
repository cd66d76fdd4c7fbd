#pragma once
// What the image does to the monitor. An attack is a number of steps of the first processor; meanwhile the second one disturbs, without an end.
#include "machine.hpp"

namespace eremite::hostile {

// registers.cpp: all registers of all devices at all widths; addresses where nothing or somebody is; all ports.
void attack_registers(Random& random);
void attack_addresses(Random& random);
void attack_ports(Random& random);
// rings.cpp: queues with anything in them, anywhere.
void attack_rings(Random& random);
void disturb_rings(Random& random);
// requests.cpp: proper queues whose requests make no sense, to all devices but shared folders.
void attack_requests(Random& random);
void disturb_requests(Random& random);
// files.cpp: a shared folder. `outside` names the folder that must not be reached. False: what is in there was read.
[[nodiscard]] bool attack_files(Random& random, std::string_view outside);
void disturb_files(Random& random);

}  // namespace eremite::hostile
