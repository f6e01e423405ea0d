module v7em

go 1.26
