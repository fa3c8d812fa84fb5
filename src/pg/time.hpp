// Between the pure half's times (since 1970) and the server's (since 2000). Plain arithmetic.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "datatype/timestamp.h"
#include "utils/date.h"
}

#include "core/clock.hpp"

namespace ob::pg {

inline constexpr std::int64_t kEpochDays = POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE;

inline TimestampTz to_server(Timestamp at) {
	return at.time_since_epoch().count() - kEpochDays * USECS_PER_DAY;
}

inline Timestamp from_server(TimestampTz at) {
	return Timestamp(std::chrono::microseconds(at + kEpochDays * USECS_PER_DAY));
}

inline DateADT to_server(Date day) {
	return static_cast<DateADT>(day.time_since_epoch().count() - kEpochDays);
}

inline Date from_server_date(DateADT day) { return Date(std::chrono::days(day + kEpochDays)); }

} // namespace ob::pg
