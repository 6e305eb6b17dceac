#pragma once
// Stand-in: c10d's public headers include this file of Gloo, and use nothing of it.
