#pragma once
#include "../ext2_types.h"
