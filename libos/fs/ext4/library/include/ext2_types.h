// The integer types of libext2fs are those of Linux.
#pragma once
#include <linux/types.h>
#ifndef __force
#define __force
#endif
#ifndef __bitwise
#define __bitwise
#endif
